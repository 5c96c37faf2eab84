"""Foils: media from outside the prompt that take its parts' places, embedded, and told apart by what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from omnitrace_nb.controls.prompts import grid
from omnitrace_nb.layout import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.models import Adapter

_DIGITS = 8


def embedded(adapter: Adapter, foils: Sequence[object]) -> dict[int, torch.Tensor]:
    """Embed foils: modality -> `[steps, rows, columns, hidden]`."""
    from omnitrace_nb.prompting import Prompt  # noqa: PLC0415 - the tracer's room, which few controls need

    prompt = Prompt.read(adapter, list(foils))
    layout = prompt.encoded.layout
    with torch.no_grad():
        embeddings = adapter.embed(prompt.encoded, prompt.encoded.inputs["input_ids"][0, -1:])[0][0]
    found = {}
    for kind in range(1, len(MODALITIES)):
        of_kind = np.flatnonzero(layout.modality == kind)
        if len(of_kind):
            part = int(layout.part[of_kind[0]])
            own = layout.positions(part, kind)
            found[kind] = embeddings[own].reshape(*grid(layout, part, kind, len(own)), -1)
    return found


def fingerprint(foils: Sequence[object]) -> str:
    """Give a short name of what foils hold: pixels, samples, words; of a file on disk, its path.

    Example:
        >>> fingerprint(["a cat"]) == fingerprint(["a cat"]) != fingerprint(["a dog"])
        True
    """
    told = hashlib.sha256()
    for foil in foils:
        _tell(told, foil)
    return told.hexdigest()[:_DIGITS]


def _tell(told: hashlib._Hash, foil: Any) -> None:  # noqa: ANN401 - whatever a prompt takes as a part
    """Add what a foil holds to a hash; each thing begins with its kind and length."""
    if isinstance(foil, Image.Image):
        foil = np.asarray(foil)
    if isinstance(foil, torch.Tensor):
        foil = foil.detach().float().cpu().numpy()
    if isinstance(foil, np.ndarray):
        told.update(f"array {foil.shape} {foil.dtype}".encode() + np.ascontiguousarray(foil).tobytes())
    elif isinstance(foil, (bytes, bytearray)):
        told.update(f"bytes {len(foil)}".encode() + bytes(foil))
    elif isinstance(foil, (str, Path)):
        told.update(f"text {len(str(foil))} {foil}".encode(errors="replace"))
    elif is_dataclass(foil):
        told.update(type(foil).__name__.encode())
        for own in fields(foil):
            _tell(told, getattr(foil, own.name))
    elif isinstance(foil, (list, tuple, Mapping)):
        told.update(f"list {len(foil)}".encode())
        for each in foil.items() if isinstance(foil, Mapping) else foil:
            _tell(told, each)
    else:
        told.update(f"other {foil!r}".encode(errors="replace"))
