"""The layout: which token position belongs to which part of the prompt, and where in it.

Plain arrays that every later room shares; nothing here knows a model. Positions of the chat template and of
special tokens belong to nobody (`part == -1`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = -1
MODALITIES = ("template", "text", "image", "audio", "video")
TEMPLATE, TEXT, IMAGE, AUDIO, VIDEO = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where each of the `n` prompt positions comes from.

    Attributes:
        token_ids: `int64 [n]`, the prompt as the model saw it.
        part: `int32 [n]`, index of the owning part, -1 for nobody.
        modality: `int8 [n]`, index into `MODALITIES`. A film's frames are `VIDEO`, its sound track `AUDIO`, both
            with the film as owner.
        chars: `int32 [n, 2]`, start and end in the owning text part's characters; -1 elsewhere.
        box: `float32 [n, 4]`, left, top, right, bottom in pixels of the original picture or frame; NaN elsewhere.
        time: `float32 [n, 2]`, start and end in seconds of the original sound or film; NaN elsewhere.
        grids: part index -> `(steps, rows, columns)` of its visual positions in order (a picture has one step).
        begun: how many positions, the last ones, are the response's own beginning, which the user gave; nobody's.
    """

    token_ids: np.ndarray
    part: np.ndarray
    modality: np.ndarray
    chars: np.ndarray
    box: np.ndarray
    time: np.ndarray
    grids: Mapping[int, tuple[int, int, int]]
    begun: int = 0

    def __post_init__(self) -> None:
        """Refuse arrays whose lengths differ: every later index would be silently wrong."""
        n = len(self.token_ids)
        shapes = {"part": (n,), "modality": (n,), "chars": (n, 2), "box": (n, 4), "time": (n, 2)}
        for name, shape in shapes.items():
            got = getattr(self, name).shape
            if got != shape:
                msg = f"layout.{name} has shape {got}, expected {shape}"
                raise ValueError(msg)

    def __len__(self) -> int:
        """Give the number of prompt positions."""
        return len(self.token_ids)

    @classmethod
    def blank(cls, token_ids: np.ndarray) -> Layout:
        """Give a layout in which every position belongs to nobody."""
        n = len(token_ids)
        return cls(
            token_ids=np.asarray(token_ids, np.int64),
            part=np.full(n, NOBODY, np.int32),
            modality=np.zeros(n, np.int8),
            chars=np.full((n, 2), -1, np.int32),
            box=np.full((n, 4), np.nan, np.float32),
            time=np.full((n, 2), np.nan, np.float32),
            grids={},
        )

    def positions(self, part: int, modality: int | None = None) -> np.ndarray:
        """Give the positions of a part, of one modality if asked, in order: `int64 [k]`."""
        mine = self.part == part
        if modality is not None:
            mine &= self.modality == modality
        return np.flatnonzero(mine)
