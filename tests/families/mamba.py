"""Mamba at toy size: nothing attends."""

from __future__ import annotations

from transformers import MambaConfig, MambaForCausalLM

from tests.text_toys import NO_MEDIA, WITHOUT, toy

NAME = "Mamba"
MODEL = "MambaForCausalLM"
HUB = "state-spaces/mamba-1.4b-hf"
NOTE = "nothing attends: signals that need no attention work"
NOT_APPLICABLE = NO_MEDIA | WITHOUT


def make():
    return toy(MambaForCausalLM, MambaConfig, {"state_size": 4})
