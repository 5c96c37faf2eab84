"""Ablation: what the response's tokens lose when sources of the prompt are hidden, replaced or edited."""

from omnitrace_nb.ablation.ablator import OPERATORS, Ablator

__all__ = ["OPERATORS", "Ablator"]
