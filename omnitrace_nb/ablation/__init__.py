"""Ablation: what the response's tokens lose when sources of the prompt are hidden, replaced or edited."""

from omnitrace_nb.ablation.ablator import OPERATORS, Ablator
from omnitrace_nb.ablation.effects import Effects, stored
from omnitrace_nb.ablation.explainers import EXPLAINERS, Values

__all__ = ["EXPLAINERS", "OPERATORS", "Ablator", "Effects", "Values", "stored"]
