"""An algorithm of captum's, run over the input embeddings of a finished run: what gradient signals are made of."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb import planning
from omnitrace_nb.capture.borrow import seeded
from omnitrace_nb.errors import SignalError
from omnitrace_nb.passes import deeplift
from omnitrace_nb.passes.batches import run_passes, sequences_at_once
from omnitrace_nb.passes.gradients import Aim, Of, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from omnitrace_nb.models.adapter import Adapter
    from omnitrace_nb.passes.finished import Finished, Per
    from omnitrace_nb.planning import Need, Shape

Baseline = Literal["zero", "mean"] | int
TARGETS_AT_ONCE = 8
KEPT_FLOATS = 2**28


@dataclass(frozen=True, slots=True, eq=False)
class CaptumPass:
    """captum's `algorithm` with its settings; as a signal's `credit`, `Finished -> [T, n + T]`.

    Attributes:
        name: what progress bars call it.
        algorithm: a gradient method's class in `captum.attr`.
        per: what is explained at a time: each step, each statement, or the response.
        of: the value of a token: its raw "logit" or its "logprob".
        length: whether a position's attribution is the length of its embedding's rather than the sum.
        baseline: where a path begins: "zero", "mean" (the mean embedding of the position's modality), or a token id
            whose embedding stands everywhere; None for methods without.
        settings: further arguments of captum's `attribute`.
        tunnel: arguments of captum's `NoiseTunnel` around it; None for no tunnel.
        noise: standard deviation of noise, as a share of the input embeddings' own; None for no noise.
        seed: of whatever is drawn.
    """

    name: str
    algorithm: str
    per: Per = "step"
    of: Of = "logit"
    length: bool = False
    baseline: Baseline | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    tunnel: Mapping[str, Any] | None = None
    noise: float | None = None
    seed: int = 0

    def __call__(self, run: Finished) -> np.ndarray:
        """Score a run: each target's attribution, divided evenly over those of its steps that come after a position.

        Steps of no target score 0; steps that were not reached are NaN.
        """
        groups = run.groups(self.per)
        found, whole = self._targets(run, groups) if groups else ([], True)
        run.interrupted = run.interrupted or not whole
        scores = np.full((run.steps, run.width), np.nan, np.float32)
        last = int(groups[len(found) - 1][-1]) + 1 if found else 0
        scores[: run.steps if whole else last] = 0
        for steps, values in zip(groups, found, strict=False):
            before = np.arange(len(values)) < run.prompt + steps[:, None]
            scores[steps, : len(values)] = np.where(before, values / np.maximum(before.sum(0), 1), 0)
        return scores

    def check(self, adapter: Adapter) -> None:
        """Refuse a model that the algorithm does not explain (`SignalError`), before anything is run."""
        if self.algorithm == deeplift.NAME:
            deeplift.check(adapter.decoder())

    def need(self, shape: Shape) -> Need:
        """Say what its passes take, before they are run."""
        targets = {"step": shape.steps, "statement": shape.statements}.get(self.per, 1)
        points = self.settings.get("n_steps", self.settings.get("n_samples", 1))
        points *= self.tunnel["nt_samples"] if self.tunnel else 1
        shared = 1 if self.algorithm == deeplift.NAME else TARGETS_AT_ONCE
        forwards = points * -(-targets // shared)
        mean = shape.prompt + shape.steps / 2
        return planning.passes(shape, forwards, forwards * mean, backwards=points * targets, length=shape.width)

    def target(self, run: Finished, steps: np.ndarray, against: np.ndarray | None = None) -> np.ndarray:
        """Give the attribution of one target of your own: `float64 [q]` over the first `q` positions.

        Args:
            run: the run.
            steps: the target's steps, ascending.
            against: a token id for each step: what speaks for the response's token rather than for this one.

        Raises:
            KeyboardInterrupt: the passes were interrupted.
        """
        found, whole = self._targets(run, [steps], None if against is None else [against])
        if not whole:
            raise KeyboardInterrupt
        return found[0]

    def _targets(
        self, run: Finished, groups: Sequence[np.ndarray], against: Sequence[np.ndarray] | None = None
    ) -> tuple[list[np.ndarray], bool]:
        """Give each target's attribution, `float64 [q]`, of the first targets, and whether all were run."""
        self.check(run.adapter)
        forced = run.forced
        ends = [run.prompt + int(steps[-1]) for steps in groups]
        batch = sequences_at_once(max(ends))
        kept = self.settings.get("n_samples", batch) * max(ends) * forced.embeddings.shape[-1]
        at_once = 1 if self.algorithm == deeplift.NAME else max(1, min(TARGETS_AT_ONCE, KEPT_FLOATS // kept))

        def work(items: Tensor) -> Tensor:
            chosen = [torch.from_numpy(groups[item]) for item in items]
            others = None if against is None else [torch.from_numpy(against[item]) for item in items]
            # What is drawn must not depend on which targets happen to share a forward.
            end = max(ends) if self.noise is not None else max(ends[item] for item in items)
            with drawing(self.seed, run):
                found = self._run(Aim(forced, chosen, self.of, others), run, end, batch)
            return torch.nn.functional.pad(found, (0, max(ends) - end))

        with forced.running():
            found, whole = run_passes(work, len(groups), batch=at_once, label=self.name, progress=run.progress)
        return [each[:end].numpy() for each, end in zip(found, ends, strict=False)], whole

    def _run(self, aim: Aim, run: Finished, end: int, batch: int) -> Tensor:
        """Attribute the first `end` input embeddings: `float64 [G, end]`."""
        points = (aim.forced.embeddings[:, :end].float(),)
        begin = None if self.baseline is None else (baseline(run, self.baseline)[:, :end],)
        held = _held(run, points[0])
        (found,) = self.attributions(aim, points, begin, lambda each: each if held is None else each * held, batch)
        return found.norm(dim=-1) if self.length else found.sum(-1)

    def attributions(
        self,
        aim: Aim,
        points: tuple[Tensor, ...],
        begin: tuple[Tensor, ...] | None,
        embed: Callable[..., Tensor],
        batch: int,
    ) -> tuple[Tensor, ...]:
        """Call captum: what each value of some inputs, `[1, ...]` each, adds to each target, `float64 [G, ...]` each.

        Args:
            aim: the targets.
            points: what is attributed.
            begin: where paths begin, of the same shapes.
            embed: the inputs, `[b, ...]` each -> input embeddings `[b, q, hidden]`, differentiable.
            batch: points a forward, at most.
        """
        from captum import attr  # noqa: PLC0415 - signals read from the decode need no captum in memory

        settings = dict(self.settings)
        if begin is not None:
            settings["baselines"] = tuple(each[:, None] for each in begin)
        if "n_steps" in settings:
            settings["internal_batch_size"] = batch
        if self.noise is not None:
            settings["stdevs"] = tuple(self.noise * float(each[each != 0].std()) for each in points)
        make = getattr(attr, self.algorithm)
        if self.algorithm == deeplift.NAME:
            method = make(deeplift.Readable(aim))
        else:
            method = make(lambda *given: aim.totals(embed(*(each[:, 0] for each in given))))
            method.gradient_func = shared(aim, embed, batch)
        if self.tunnel is not None:
            method = attr.NoiseTunnel(method)
            settings |= {**self.tunnel, "nt_samples_batch_size": 1 if "n_steps" in settings else batch}
        inputs = tuple(each[:, None].clone().requires_grad_() for each in points)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # captum announces the hooks that it sets and removes
            found = method.attribute(inputs, **settings)
        return tuple(each.detach()[0].cpu().double() for each in found)


def baseline(run: Finished, kind: Baseline) -> Tensor:
    """Give the embeddings from which a path begins, `float32 [1, n + T, hidden]`.

    "zero": all 0. "mean": at each position the mean embedding of its modality in the prompt (template positions and
    response: of their own). A token id: that token's embedding everywhere.

    Raises:
        SignalError: a token that the model does not have.
    """
    embeddings = run.forced.embeddings.float()
    if kind == "zero":
        return torch.zeros_like(embeddings)
    if kind != "mean":
        table = run.adapter.model.get_input_embeddings()
        if kind >= (tokens := len(table.weight)):
            raise SignalError(f"baseline={kind}: this model has the tokens 0 to {tokens - 1}")
        with torch.no_grad():
            given, _ = run.adapter.embed(run.encoded, torch.tensor([kind]))
        return given[:, -1:].float().expand_as(embeddings)
    means = torch.empty_like(embeddings)
    response = np.full(run.steps, -1)
    modality = np.concatenate([run.encoded.layout.modality, response])
    for name in np.unique(modality):
        own = torch.from_numpy(np.flatnonzero(modality == name)).to(embeddings.device)
        means[:, own] = embeddings[:, own].mean(1, keepdim=True)
    return means


def _held(run: Finished, embeddings: Tensor) -> Tensor | None:
    """Say which values noise may reach, `bool [1, q, width]`; None if it may reach all.

    A model that adds features to pictures alone adds none to words, and none stays none under noise.
    """
    hidden = run.adapter.model.get_input_embeddings().weight.shape[1]
    if embeddings.shape[-1] == hidden:
        return None
    held: Tensor = embeddings != 0
    held[..., :hidden] = True
    return held


@contextmanager
def drawing(seed: int, run: Finished) -> Iterator[None]:
    """Seed what captum draws from, torch's generators and numpy's old one, and give them back as they were."""
    state = np.random.get_state()  # noqa: NPY002 - captum draws from this one
    np.random.seed(seed)  # noqa: NPY002 - the same
    try:
        with seeded(seed, run.adapter.model):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002 - the same
