"""Learned weights over attention heads: an online signal at attention's cost, saved and shared as a small file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch

from omnitrace_nb.capture.signal import Reading, Signal
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.writing import as_path, write

if TYPE_CHECKING:
    from omnitrace_nb.capture.signal import Step
    from omnitrace_nb.models.adapter import Adapter

Over: TypeAlias = Literal["excess", "attention"]
_READS: dict[Over, frozenset[Reading]] = {"excess": frozenset({"rows", "after"}), "attention": frozenset({"rows"})}
_FORMAT = {"format": "omnitrace_nb heads", "version": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """One weight for each attention head of one model, as `fit_heads` finds them.

    Over "attention" a step's scores are `sum_lh w_lh a_t^lh(i)`, AT2 (arXiv 2504.13752). Over "excess" they are
    `relu(sum_lh w_lh (a_t^lh(i) - b^lh(i)))`, `b` the mean of the prompt's rows after its last source, as in `excess`.

    Attributes:
        weights: `float64 [layers, heads]`; their absolute values sum to 1.
        over: what they weigh.
        model: the model that they were fitted on: its name, family, layers, heads and hidden size.
        about: how they were fitted, and how well.
    """

    weights: np.ndarray
    over: Over = "excess"
    model: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no model has."""
        try:
            weights = np.asarray(self.weights, np.float64)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise SettingsError(f"weights={quoted(self.weights)}: expected a row of numbers for each layer") from error
        if weights.ndim != 2 or not weights.size or not np.isfinite(weights).all():  # noqa: PLR2004 - layers and heads
            raise SettingsError(
                f"weights of shape {weights.shape}: expected finite numbers, a row of heads for a layer"
            )
        if not isinstance(self.over, str) or self.over not in _READS:
            raise SettingsError(f"over={quoted(self.over)}: expected one of {', '.join(map(repr, _READS))}")
        object.__setattr__(self, "weights", weights)

    def __repr__(self) -> str:
        """Say what is weighed, and on which model."""
        layers, heads = self.weights.shape
        return (
            f"Heads({layers} layers x {heads} heads over {self.over}, fitted on {self.model.get('name', 'a model')!r})"
        )

    def signal(self, name: str = "heads") -> Signal:
        """Give the signal of these weights, read from the decode.

        Raises (at its first step):
            SignalError: a model with another number of layers or heads.
        """
        weights = torch.from_numpy(self.weights).float()

        def score(step: Step) -> torch.Tensor:
            assert step.rows is not None  # noqa: S101 - declared in `reads`
            if step.rows.shape[:2] != weights.shape:
                raise SignalError(
                    f"signal {name!r} has weights for {len(weights)} layers of {weights.shape[1]} heads, fitted on "
                    f"{self.model.get('name', 'a model')!r}; this model has {len(step.rows)} of {step.rows.shape[1]}: "
                    "fit it on this model, by fit_heads"
                )
            rows = step.rows if step.after is None or self.over == "attention" else step.rows - step.after
            found = torch.einsum("lh,lhp->p", weights.to(rows.device), rows)
            return found.relu() if self.over == "excess" else found

        return Signal(
            name,
            f"Attention heads weighed to predict ablation, over {self.over}.",
            family="learned",
            cost="one row of attention a layer and step",
            source="AT2, Cohen-Wang et al. 2025, arXiv 2504.13752",
            signed=self.over == "attention" and bool((self.weights < 0).any()),
            reads=_READS[self.over],
            score=score,
        )

    def save(self, path: str | Path) -> Path:
        """Write the weights and what is known of them as JSON, whole or not at all; give the path.

        Raises:
            TraceFileError: the file cannot be written.
        """
        given = {"over": self.over, "model": self.model, "about": self.about, "weights": self.weights.tolist()}
        place = as_path(path)
        write(place, json.dumps({**_FORMAT, **given}, indent=1) + "\n")
        return place

    @classmethod
    def load(cls, path: str | Path) -> Heads:
        """Read weights that `save` has written.

        Raises:
            SettingsError: a file that is missing, damaged, of another kind, or of a newer version.
        """
        try:
            return cls(**_parsed(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            name = path if isinstance(path, (str, Path)) else quoted(path)
            raise SettingsError(
                f"{name} cannot be read as Heads ({error}): give a file that Heads.save wrote"
            ) from error


def _parsed(text: str) -> dict[str, Any]:
    given = json.loads(text)
    if {name: given.get(name) for name in _FORMAT} != _FORMAT:
        raise ValueError(f"not {_FORMAT['format']!r}, or of a newer version than {_FORMAT['version']}")
    return {
        "weights": np.array(given["weights"], np.float64),
        **{name: given[name] for name in ("over", "model", "about")},
    }


def fingerprint(adapter: Adapter, layers: int, heads: int) -> dict[str, Any]:
    """Say which model weights belong to."""
    config: Any = adapter.decoder().config
    return {
        "name": str(getattr(adapter, "name", type(adapter.model).__name__)),
        "family": str(getattr(adapter, "family", type(adapter).__name__)),
        "layers": layers,
        "heads": heads,
        "hidden_size": int(config.hidden_size),
    }
