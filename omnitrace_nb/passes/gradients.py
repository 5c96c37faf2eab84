"""Gradients of many targets from one forward, in the form in which captum's algorithms ask for them.

captum takes its gradients through one function, `method.gradient_func`. Given points `[b, 1, ...]`, the one made here
answers with the gradients of `G` targets, `[b, G, ...]`: the target axis rides through captum's own arithmetic (paths,
noise, baselines) by broadcasting, and a forward serves all of its targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from omnitrace_nb.passes.teacher import TeacherForced

Of = Literal["logit", "logprob"]


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """Targets that are explained together: each the sum, over its steps, of what the model says for their tokens.

    Attributes:
        forced: the model with prompt and response.
        groups: the steps of each of the `G` targets, `int64 [k]`, ascending.
        of: "logit", the raw logit of the token, or "logprob", its log-probability in nats.
        against: a token id for each of a target's steps, whose value is taken off: what speaks for the one token
            rather than the other; None for no contrast.
    """

    forced: TeacherForced
    groups: Sequence[Tensor]
    of: Of = "logit"
    against: Sequence[Tensor] | None = None

    @property
    def latest(self) -> int:
        """The last step of any target."""
        return max(int(steps[-1]) for steps in self.groups)

    def totals(self, embeddings: Tensor) -> Tensor:
        """Give each target's value, `[b, G]`, from input embeddings `[b, q, hidden]` with `q >= n + latest`.

        The embeddings may be of another precision than the model's.
        """
        steps = torch.cat(list(self.groups))
        rows = self.forced.rows(embeddings.to(self.forced.embeddings.dtype), steps)
        if self.of == "logprob":
            rows = rows.log_softmax(-1)
        values = _at(rows, self.forced.targets.to(rows.device)[steps.to(rows.device)])
        if self.against is not None:
            values = values - _at(rows, torch.cat(list(self.against)).to(rows.device))
        return torch.stack(
            [each.sum(-1) for each in torch.split(values, [len(group) for group in self.groups], dim=-1)], -1
        )


def shared(aim: Aim, embed: Callable[..., Tensor], batch: int) -> Callable[..., tuple[Tensor, ...]]:
    """Give a gradient function for captum: of every target of `aim`, from one forward a point.

    Args:
        aim: the targets.
        embed: points without their target axis, `[b, ...]` each -> input embeddings `[b, q, hidden]`.
        batch: points a forward, at most; halved where they do not fit the device's memory.
    """

    def gradients(*given: Any, **named: Any) -> tuple[Tensor, ...]:  # noqa: ANN401 - as captum's own is called
        inputs = named["inputs"] if "inputs" in named else given[1]
        pieces = [_gradients(aim, embed, piece) for piece in _cut([each[:, 0] for each in inputs], batch)]
        return tuple(torch.cat(each) for each in zip(*pieces, strict=True))

    return gradients


def _cut(points: Sequence[Tensor], batch: int) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(torch.split(each, batch) for each in points), strict=True)


def _gradients(aim: Aim, embed: Callable[..., Tensor], points: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    count = len(points[0])
    try:
        return _backward(aim, embed, points)
    except torch.OutOfMemoryError:
        if count == 1:
            raise
    halves = [_gradients(aim, embed, half) for half in _cut(points, (count + 1) // 2)]
    return tuple(torch.cat(each) for each in zip(*halves, strict=True))


def _backward(aim: Aim, embed: Callable[..., Tensor], points: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    leaves = tuple(each.detach().requires_grad_() for each in points)
    with torch.enable_grad():
        totals = aim.totals(embed(*leaves)).sum(0).unbind()
    found = []
    for number, total in enumerate(totals, start=1):
        found.append(torch.autograd.grad(total, leaves, retain_graph=number < len(totals)))
        aim.forced.cost.add(backwards=len(points[0]))
    return tuple(torch.stack(each, dim=1) for each in zip(*found, strict=True))


def _at(rows: Tensor, tokens: Tensor) -> Tensor:
    """Give the entries of tokens `[k]` in rows `[b, k, vocabulary]`: `[b, k]`."""
    return rows.gather(-1, tokens.expand(len(rows), -1)[..., None])[..., 0]
