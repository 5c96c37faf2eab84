"""Positions that look at one another: in some models those of one picture see its later ones too.

Such models build their masks from token types, by position in the whole sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.nn.functional as F  # noqa: N812 - its usual name

from omnitrace_nb.transformers_names import cache_in

TOKEN_TYPES = ("mm_token_type_ids", "token_type_ids")


def block_starts(ahead: np.ndarray) -> np.ndarray:
    """Give the first position of each one's block, `int64 [n]`, of neighbours that look at one another (`bool [n]`).

    Example:
        >>> block_starts(np.array([False, True, True, False, True])).tolist()
        [0, 1, 1, 3, 4]
    """
    within = ahead & np.concatenate([[False], ahead[:-1]])
    starts: np.ndarray = np.maximum.accumulate(np.where(within, 0, np.arange(len(ahead))))
    return starts


def behind_prefix(options: dict[str, Any]) -> dict[str, Any]:
    """Put the types of a cached prefix before those of the positions that a forward is given.

    Nothing of a block is in the prefix where the rest is not, so that text's type does for all of it.
    """
    cache = cache_in(options)
    before = 0 if cache is None else int(cache.get_seq_length())
    types = {name: options[name] for name in TOKEN_TYPES if options.get(name) is not None}
    return {**options, **{name: F.pad(each, (before, 0)) for name, each in types.items()}}
