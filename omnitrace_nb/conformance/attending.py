"""Whether what is captured is what the model attended to: rows, gradients, and what hiding a source does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from omnitrace_nb import capture, passes
from omnitrace_nb import signals as registry
from omnitrace_nb.alignment import align
from omnitrace_nb.conformance.masking import masks_without
from omnitrace_nb.conformance.subject import Failed, NotApplicable, farthest
from omnitrace_nb.curation import CurationSettings
from omnitrace_nb.errors import ModelError, SignalError
from omnitrace_nb.revisits import run_of
from omnitrace_nb.signals import Signal
from omnitrace_nb.statements import Statements

if TYPE_CHECKING:
    from torch import Tensor

    from omnitrace_nb.capture.signal import Step
    from omnitrace_nb.conformance.subject import Subject

LEAST_MOVED = 1e-4  # nats


def rows(subject: Subject) -> str:
    """Captured rows equal eager rows, layer by layer, at prefill (the first step) and while decoding."""
    caught: list[np.ndarray] = []

    def keep(step: Step) -> Tensor:
        assert step.rows is not None  # noqa: S101 - what `reads` asks for is there
        caught.append(step.rows.float().cpu().numpy())
        return step.rows.mean(dim=(0, 1))

    signal = Signal(name="rows", summary="", family="custom", cost="", reads=frozenset({"rows"}), score=keep)
    try:
        _decode(subject, [signal])
    except SignalError as error:
        raise subject.could_not(error) from error
    with torch.no_grad():
        whole = subject.forward(subject.response, attention=True).attentions
    if not whole or whole[0] is None:
        raise subject.could_not(ModelError("its eager attention gives no weights to compare with"))
    n, layers = len(subject.encoded.layout), len(whole)
    if caught[0].shape[0] != layers:
        raise Failed(f"{caught[0].shape[0]} layers were captured, eager attention has {layers}")
    worst = np.zeros((2, layers))
    for step, got in enumerate(caught):
        for layer in range(layers):
            wanted = whole[layer][0, :, n + step - 1, : n + step].float().cpu().numpy()
            at = min(step, 1)
            worst[at, layer] = max(worst[at, layer], farthest(got[layer], wanted))
    said = f"farthest from eager, over {layers} layers: prefill {worst[0].max():.1e}, decoding {worst[1].max():.1e}"
    if worst.max() > subject.tolerance:
        raise Failed(f"{said} (layer {int(worst.max(axis=0).argmax())}); allowed {subject.tolerance:.0e}")
    return said


def gradients(subject: Subject) -> str:
    """`attgrads` of a cached step equals a full re-forward with eager attention."""
    if subject.half:
        raise NotApplicable("gradients in half precision differ by more than could be told from an error")
    try:
        got = _decode(subject, [registry.get("attgrads")])["attgrads"]
    except SignalError as error:
        raise subject.could_not(error) from error
    n, worst = len(subject.encoded.layout), 0.0
    steps = sorted({0, len(subject.response) - 1})
    for step in steps:
        with torch.enable_grad():
            outputs = subject.forward(subject.response[:step], attention=True)
            last = outputs.attentions[-1]
            (gradient,) = torch.autograd.grad(outputs.logits[0, -1, int(subject.response[step])], last)
        product = (gradient * last).detach()[0, :, -1].float().mean(dim=0).clamp(min=0)
        wanted = product.cpu().numpy()
        worst = max(worst, farthest(got[step, : n + step], wanted) / max(float(wanted.max()), 1e-12))
    said = f"relative difference {worst:.1e} at {len(steps)} steps"
    if worst > 1e-3:  # noqa: PLR2004 - of the largest value
        raise Failed(f"{said}; allowed 1e-03")
    return said


def hiding(subject: Subject) -> str:
    """Hiding a source by the mask equals a full forward in which nothing attends to it."""
    run = _finished(subject)
    if not run.sources:
        raise NotApplicable("the prompt has no source")
    source = max((each for each in run.sources if not each.question), key=lambda each: len(each.positions))
    keep = np.ones((2, len(run.sources)), bool)
    keep[1, source.id] = False
    try:
        plain, hidden = run.ablator("mask").logprobs(keep)
    except SignalError as error:
        raise subject.could_not(error) from error
    width = len(subject.encoded.layout) + len(subject.response)
    own = run.forced.options
    options: dict[str, Any] = {"attention_mask": masks_without(subject, torch.as_tensor(source.positions))}
    if "position_ids" not in own:
        options["position_ids"] = torch.arange(width, device=run.forced.embeddings.device)[None]
    with torch.no_grad():
        logits = subject.forward(subject.response, **options).logits.float()
    read = logits[0, len(subject.encoded.layout) - 1 : -1].log_softmax(-1)
    wanted = read.gather(1, subject.response.to(read.device)[:, None])[:, 0].cpu().numpy()
    worst, moved = farthest(hidden, wanted), farthest(hidden, plain)
    allowed_difference = 0.25 if subject.half else 2e-3
    said = f"{source.label}: {worst:.1e} nats from a full attention mask; hiding it moves {moved:.2g} nats"
    if worst > allowed_difference:
        raise Failed(f"{said}; allowed {allowed_difference:.0e}")
    if moved < LEAST_MOVED:
        raise Failed(f"{said}: the source has no influence at all")
    return said


def _decode(subject: Subject, signals: list[Signal]) -> dict[str, np.ndarray]:
    got = capture.decode(
        subject.adapter,
        subject.encoded,
        signals,
        subject.prompt.baseline,
        progress=False,
        forced=subject.response.cpu().numpy(),
    )
    return got.scores


def _finished(subject: Subject) -> passes.Finished:
    ids = subject.response.cpu()
    response = align(subject.adapter.token_bytes(ids.tolist()), ids.numpy(), np.zeros(len(ids), np.float32), "length")
    text = Statements.of(response, None)
    return run_of(
        subject.adapter, subject.prompt, response, text, CurationSettings(), first_step="last", progress=False
    )
