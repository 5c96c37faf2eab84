"""Which layers of a language model attend to positions, and which carry them on in a way that no attention shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import SignalError
from omnitrace_nb.transformers_names import runs_interface

if TYPE_CHECKING:
    from torch import nn

# The names of transformers' `layer_types`, other than those of softmax attention over positions.
_STATE = {"linear_attention", "conv"}
_BOTH = {"hybrid", "hybrid_sliding"}
_SUMMARIES = {"compressed_sparse_attention", "heavily_compressed_attention"}
_NEITHER = {"mlp", "moe", "dense", "sparse"}
# What any decoder allows: hiding sources by a mask would not keep them out of a running state.
WITHOUT_ATTENTION = 'input_x_gradient or ot.signals.ablate("leave_one_out", operator="mean")'


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a language model, counted.

    Attributes:
        name: the model's class.
        count: all of them.
        attending: those whose attention to positions can be read.
        states: those that keep a running state instead.
        both: those of the attending that keep a running state beside.
        summaries: those that attend to summaries of several positions.
        legible: whether any module of the model runs its attention through transformers' interface.
    """

    name: str
    count: int
    attending: int
    states: int
    both: int
    summaries: int
    legible: bool

    @classmethod
    def of(cls, decoder: nn.Module) -> Layers:
        """Count the layers of a language model, by its configuration."""
        config: Any = decoder.config
        types = list(getattr(config, "layer_types", None) or ())
        count = int(getattr(config, "num_hidden_layers", None) or len(types))
        types = types[:count]
        states, summaries = (sum(each in names for each in types) for names in (_STATE, _SUMMARIES))
        return cls(
            name=type(decoder).__name__,
            count=count,
            attending=count - states - summaries - sum(each in _NEITHER for each in types),
            states=states,
            both=sum(each in _BOTH for each in types),
            summaries=summaries,
            legible=any(runs_interface(module) for module in decoder.modules()),
        )

    def require(self) -> None:
        """Refuse, before anything is run, a model of which no layer can be read.

        Raises:
            SignalError: naming what can be asked for instead.
        """
        if self.summaries:
            raise SignalError(unread(self.name, f"attends to summaries of positions in {self.summaries} layers"))
        if not self.attending:
            raise SignalError(unread(self.name, "keeps a running state instead of attending to positions"))
        if not self.legible:
            raise SignalError(
                unread(self.name, "does not run its attention, if it has any, through transformers' AttentionInterface")
            )

    @property
    def unread(self) -> str:
        """What attention does not show of a model that can be read, in words; nothing if it shows all."""
        if self.both:
            return (
                f"{self.both} of {self.count} layers keep a running state beside their attention, which cannot be read"
            )
        if self.states:
            verb = "keeps" if self.states == 1 else "keep"
            return (
                f"{self.attending} of {self.count} layers attend; {self.states} {verb} a running state of earlier "
                "positions instead, which cannot be read"
            )
        return ""


def unread(name: str, why: str) -> str:
    """Say why attention does not show what a model reads, and what to ask for instead."""
    return (
        f"{name} {why}, so what it reads does not all show as attention: ask for signals that need none, such as "
        f"{WITHOUT_ATTENTION}"
    )
