"""Whether the model runs as it would without us, and is left as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from omnitrace_nb import capture
from omnitrace_nb import signals as registry
from omnitrace_nb.capture.borrow import evaluating
from omnitrace_nb.conformance.subject import STEPS, Failed, NotApplicable, farthest
from omnitrace_nb.errors import SignalError
from omnitrace_nb.transformers_names import kernel_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from omnitrace_nb.conformance.subject import Subject


def tokens(subject: Subject) -> str:
    """The tokens of a traced decode are those of `model.generate`."""
    got = _traced(subject, "attmean", "")
    wanted = subject.response.cpu().tolist()
    if got.token_ids.tolist() != wanted:
        raise Failed(f"traced: {got.token_ids.tolist()}, by generate alone: {wanted}")
    return f"{len(wanted)} tokens"


def embeddings(subject: Subject) -> str:
    """A forward over the embeddings that the adapter gives has the logits of one over ids and media."""
    inputs = dict(subject.encoded.inputs)
    if "inputs_embeds" in inputs:  # beside them, ids are for generate alone
        inputs.pop("input_ids", None)
    with evaluating(subject.adapter.model), torch.no_grad():
        plain = subject.adapter.model(**inputs, **subject.encoded.options, use_cache=False, return_dict=True).logits[
            0, -1
        ]
        ours = subject.forward(torch.zeros(0, dtype=torch.int64)).logits[0, -1]
    spread = float(plain.float().std()) or 1.0
    worst = farthest(plain.float().cpu().numpy(), ours.float().cpu().numpy()) / spread
    said = f"logits differ by {worst:.1e} of their spread"
    allowed = 0.1 if subject.half else 1e-3
    if worst > allowed:
        raise Failed(f"{said}; allowed {allowed:.0e}")
    return said


def untouched(subject: Subject) -> str:
    """After a traced decode and a gradient, the model is as it was: weights, hooks, mode, attention, configuration."""
    before = _state(subject)
    _traced(subject, "attgrads", "attmean", "")
    if changed := [name for name, value in _state(subject).items() if before[name] != value]:
        raise Failed(f"changed: {', '.join(changed)}")
    return ", ".join(before)


def half_precision(subject: Subject) -> str:
    """In half precision, the captured rows sum to 1 and stay near those of float32 (or, alone, are well formed)."""
    dtype = next(subject.adapter.decoder().parameters()).dtype
    if not subject.half:
        raise NotApplicable(f"the model computes in {str(dtype).removeprefix('torch.')}: load it with dtype='bfloat16'")
    scores = _traced(subject, "attmean").scores["attmean"]
    n = len(subject.encoded.layout)
    sums = np.array([row[: n + step].sum() for step, row in enumerate(scores)])
    worst = float(np.abs(sums - 1).max())
    if not np.isfinite(scores).all() or worst > subject.tolerance:
        raise Failed(f"rows sum to 1 within {worst:.1e}; allowed {subject.tolerance:.0e}")
    return f"{str(dtype).removeprefix('torch.')}: rows sum to 1 within {worst:.1e}"


def caches(subject: Subject) -> str:
    """With a static cache the traced tokens and rows are those of the dynamic one."""
    try:
        plain = _traced(subject, "attmean")
    except SignalError as error:
        raise subject.could_not(error) from error
    # Another cache may be another kernel: in half precision its rounding turns near ties, so the tokens are given.
    given = {"forced": plain.token_ids} if subject.half else {}
    try:
        subject.generated(cache_implementation="static")
    except Exception as error:  # whatever a model's own cache raises is the finding
        raise NotApplicable(f"this model does not decode with a static cache here: {_short(error)}") from error
    static = _traced(subject, "attmean", cache_implementation="static", **given)
    if static.token_ids.tolist() != plain.token_ids.tolist():
        raise Failed("other tokens with a static cache")
    worst = farthest(static.scores["attmean"], plain.scores["attmean"])
    if worst > subject.tolerance:
        raise Failed(f"rows differ by {worst:.1e} with a static cache; allowed {subject.tolerance:.0e}")
    windows = getattr(subject.adapter.decoder().config, "sliding_window", None)
    sliding = f"; sliding window of {windows}" if windows else ""
    return f"dynamic and static: rows differ by {worst:.1e}{sliding}"


def _traced(subject: Subject, signal: str = "attmean", *others: str, **settings: Any) -> Any:  # noqa: ANN401 - settings of generate
    """Trace with the first of some signals that the model allows; "" is none, with which any model is decoded."""
    try:
        return capture.decode(
            subject.adapter,
            subject.encoded,
            [registry.get(signal)] if signal else [],
            subject.prompt.baseline,
            progress=False,
            max_new_tokens=STEPS,
            do_sample=False,
            **settings,
        )
    except SignalError:
        if not others:
            raise
    return _traced(subject, *others, **settings)


def _state(subject: Subject) -> dict[str, object]:
    model = subject.adapter.model
    config: Any = subject.adapter.decoder().config
    return {
        "weights": [(name, each.data_ptr(), each._version) for name, each in _tensors(model)],  # noqa: SLF001
        "gradients": [(each.requires_grad, each.grad is None) for each in model.parameters()],
        "hooks": [(len(each._forward_hooks), len(each._forward_pre_hooks)) for each in model.modules()],  # noqa: SLF001
        "mode": [each.training for each in model.modules()],
        "attention": kernel_of(config),
        "configuration": (str(model.config), str(model.generation_config)),
    }


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Give every weight and buffer (a quantised model's `state_dict` holds copies)."""
    yield from model.named_parameters()
    yield from model.named_buffers()


def _short(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {said[:120]}"
