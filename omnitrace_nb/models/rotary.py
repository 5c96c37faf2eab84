"""How many positions a model reads, by its configuration: those it states, or more where its rotary positions scale.

Model cards say how to scale them by hand (`rope_scaling`, in transformers 5 `rope_parameters`), and few say that
`max_position_embeddings` be raised too; transformers reads a prompt of any length. What each kind of scaling reads
stands in transformers' `modeling_rope_utils`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedConfig

# Interpolation stretches whatever the model was made for; the others name the length that they stretch.
STRETCHING = frozenset({"linear", "dynamic"})
NAMING = frozenset({"yarn", "longrope", "llama3"})
# Layers with a window read no distance beyond it, however their positions are scaled.
NEAR = ("sliding", "chunked", "local")


def context_length(config: PreTrainedConfig) -> float:
    """Give how many positions a language model of this configuration reads; infinity if nothing is stated.

    Example:
        >>> from transformers import Qwen2Config
        >>> yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
        >>> context_length(Qwen2Config(max_position_embeddings=32768, rope_parameters=yarn))
        131072
    """
    stated = getattr(config, "max_position_embeddings", None)
    if stated is None:
        return math.inf
    rope: Mapping[str, Any] = getattr(config, "rope_parameters", None) or {}
    by_layer = {kind: each for kind, each in rope.items() if isinstance(each, dict)}
    if not by_layer:
        return max(stated, _scaled(rope, stated, stretched=stated))
    # A configuration of several ropes is written for them and states what they read, unless they name another length.
    far = [each for kind, each in by_layer.items() if not any(word in kind for word in NEAR)]
    return max([stated, *(_scaled(each, stated, stretched=None) for each in far)])


def _scaled(rope: Mapping[str, Any], stated: int, *, stretched: int | None) -> int:
    """Give the length that one rope reads; `stretched` is the one that a factor without a length of its own is of."""
    kind, factor = rope.get("rope_type", rope.get("type")), rope.get("factor")
    original = rope.get("original_max_position_embeddings")
    if kind in STRETCHING:
        original = original or stretched
    elif kind not in NAMING or (kind != "yarn" and original and stated > original):
        return stated  # longrope and llama3 stretch by bands: once the length is raised, it is what was trained
    return int(factor * original) if factor and original else stated
