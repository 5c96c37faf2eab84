"""Regions of a picture as detectors give them, in the forms that are common.

No detector is imported: an output is told by what it holds.

| from | what is given |
| --- | --- |
| transformers, object detection | `{"scores", "labels", "boxes"}`, `"text_labels"` |
| transformers, instance and panoptic segmentation | `{"segmentation", "segments_info"}` |
| transformers, the pipelines of both | a list of `{"score", "label", "box"}` or `{"score", "label", "mask"}` |
| torchvision | `{"boxes", "labels", "scores"}`, `"masks"` of probabilities |
| supervision | `Detections` |
| COCO, of one picture | `{"annotations", "categories"}`, or a list of annotations: `bbox`, `segmentation` |
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.sources import coco
from omnitrace_nb.values import number_of

MOST_PIECES = 1_000_000
_LIKELY = 0.5  # of a mask of probabilities
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_COCO = {"bbox", "segmentation"}
# What reading somebody else's objects may end in: of numpy, of tensors of any library, of mappings that lack keys.
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError, RuntimeError)
_KEYS = {"boxes", "masks", "segmentation", "annotations"}


@dataclass(frozen=True, slots=True, eq=False)
class Parcels:
    """A picture cut into regions that do not overlap: `numbers` is `int [height, width]`, `labels` names regions."""

    numbers: np.ndarray
    labels: Mapping[int, str]


def regions(
    found: Any,  # noqa: ANN401 - see above
    *,
    names: Mapping[int, str] | Sequence[str] | None = None,
    threshold: float = 0.0,
    size: tuple[int, int] = (0, 0),
) -> list[Any] | Parcels:
    """Read a detector's output as regions, for `SourceOptions(image=...)`; outputs may also be given there as they are.

    Args:
        found: the output; see above.
        names: what numbers of labels mean, such as `model.config.id2label`.
        threshold: the least score; regions without a score stay.
        size: `(width, height)` of the picture, for polygons.

    A label or score that is no number (None, NaN) counts as none.

    Returns:
        mappings with "box" or "mask", "label" and "score"; or a map of numbered regions.

    Raises:
        SettingsError: an output of another form, lists of different lengths, or settings of another kind.

    Example:
        >>> regions({"boxes": [[0, 0, 5, 5]], "labels": [1], "scores": [0.9]}, names={1: "dog"})
        [{'box': [0, 0, 5, 5], 'label': 'dog', 'score': 0.9}]
    """
    least = number_of(threshold)
    if not math.isfinite(least):
        raise SettingsError(f"threshold={quoted(threshold)} is not usable; give the least score, such as 0.5.")
    if names is not None and (not isinstance(names, (Mapping, Sequence)) or isinstance(names, (str, bytes))):
        raise SettingsError(f"names={quoted(names)} is not usable; give a mapping from number to name, or a list.")
    try:
        return read(found, names, least, size)
    except SettingsError:
        raise
    except UNREADABLE as error:
        raise SettingsError(
            f"these detections cannot be read: {quoted(found)} ({quoted(error)}); give boxes or masks."
        ) from error


def read(
    found: Any,  # noqa: ANN401 - see above
    names: Mapping[int, str] | Sequence[str] | None = None,
    threshold: float = 0.0,
    size: tuple[int, int] = (0, 0),
) -> list[Any] | Parcels:
    """Read a detector's output as `regions` does; what cannot be read may end in any of `UNREADABLE`."""
    if isinstance(found, Parcels):
        return found
    if isinstance(found, Mapping) and "segments_info" in found:
        return _segmented(found, names, threshold)
    if isinstance(found, Mapping) and "annotations" in found:
        categories = {each.get("id"): str(each.get("name")) for each in found.get("categories") or ()}
        rows = [_annotation(each, names or categories, size) for each in found["annotations"] or ()]
    elif isinstance(found, Mapping) and _KEYS & set(found):
        rows = list(_parallel(found, names))
    elif hasattr(found, "xyxy"):
        rows = list(_supervised(found, names))
    elif isinstance(found, Sequence):
        rows = [_row(each, names, size) for each in listed(found)]
    else:
        raise SettingsError(f"{type(found).__name__} is no detector's output that is known; give boxes or masks.")
    return [each for each in rows if not isinstance(each, Mapping) or _sure(each) >= threshold]


def is_detections(given: object) -> bool:
    """Say whether something is a detector's output as a whole, not a list of regions."""
    if isinstance(given, Mapping):
        return bool(_KEYS & set(given))
    return hasattr(given, "xyxy") or isinstance(given, Parcels)


def listed(given: Iterable[Any]) -> list[Any]:
    """Give a list of no more pieces than a part can have; `ValueError` for more, `TypeError` for what is no list."""
    found = list(itertools.islice(given, MOST_PIECES + 1))
    if len(found) > MOST_PIECES:
        raise ValueError(f"more than {MOST_PIECES:,} pieces")
    return found


def plain(value: Any) -> Any:  # noqa: ANN401 - a tensor of any library, an array, or what JSON holds
    """Give an array for a tensor, and anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    here = value.detach().cpu()
    return np.asarray(here.float() if "bfloat16" in str(here.dtype) else here)  # numpy has no such numbers


def _sure(region: Mapping[str, Any]) -> float:
    """Give a region's score; one that is not known is no reason to leave the region out."""
    score = region.get("score")
    number = float("nan") if score is None else _number(score)
    return float("inf") if np.isnan(number) else number


def _number(value: Any) -> float:  # noqa: ANN401 - a number of any library
    array = np.asarray(plain(value))
    if array.size != 1:
        raise TypeError(f"an array of shape {array.shape} is no number")
    return float(array.reshape(-1)[0])


def _parallel(found: Mapping[str, Any], names: Mapping[int, str] | Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Read lists of one length: boxes or masks, labels, scores."""
    boxes, masks = plain(found.get("boxes")), plain(found.get("masks"))
    labels = plain(found.get("text_labels", found.get("labels")))
    scores = plain(found.get("scores"))
    count = len(masks if masks is not None else boxes if boxes is not None else ())
    for name, each in (("boxes", boxes), ("labels", labels), ("scores", scores)):
        if each is not None and len(each) != count:
            raise SettingsError(f"detections have {len(each)} {name} for {count} regions; give one of each.")
    for at in range(count):
        place = {"box": _listed(boxes[at])} if masks is None else {"mask": _flat(masks[at])}
        yield _region(place, None if labels is None else labels[at], None if scores is None else scores[at], names)


def _supervised(found: Any, names: Mapping[int, str] | Sequence[str] | None) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    data = getattr(found, "data", None)
    named = data.get("class_name") if isinstance(data, Mapping) else None
    named = getattr(found, "class_id", None) if named is None else named
    parallel = {
        "boxes": found.xyxy,
        "masks": getattr(found, "mask", None),
        "labels": named,
        "scores": getattr(found, "confidence", None),
    }
    yield from _parallel({name: each for name, each in parallel.items() if each is not None}, names)


def _segmented(found: Mapping[str, Any], names: Mapping[int, str] | Sequence[str] | None, threshold: float) -> Parcels:
    labels = {
        int(each["id"]): _name(each.get("label_id", each["id"]), names) or ""
        for each in found["segments_info"] or ()
        if _sure(each) >= threshold
    }
    numbers = np.asarray(plain(found["segmentation"]))
    if numbers.ndim != 2 or numbers.dtype.kind not in "biuf":  # noqa: PLR2004 - height and width
        found_none = "" if labels else ", and no segments_info: nothing was found"
        raise SettingsError(
            f"the segmentation is {numbers.dtype} {numbers.shape}, no map [height, width] of numbers{found_none}."
        )
    return Parcels(np.nan_to_num(numbers, nan=-1).astype(np.int64), labels)


def _row(row: Any, names: Mapping[int, str] | Sequence[str] | None, size: tuple[int, int]) -> Any:  # noqa: ANN401
    """Read one region of a list; what is none stays as it is, for the reader of regions to name."""
    row = plain(row)
    if not isinstance(row, Mapping):
        return row
    if _COCO & set(row):
        return _annotation(row, names or {}, size)
    known = {key: plain(value) for key, value in row.items()}
    if isinstance(known.get("box"), Mapping) and set(known["box"]) == set(_CORNERS):
        known["box"] = [known["box"][each] for each in _CORNERS]
    if known.get("mask") is not None:
        known["mask"] = _flat(np.asarray(known["mask"]))
    if "label" in known and (named := _name(known.pop("label"), names)) is not None:
        known["label"] = named
    return known


def _annotation(
    row: Mapping[str, Any], names: Mapping[int, str] | Sequence[str] | None, size: tuple[int, int]
) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise SettingsError(f"{quoted(row)} is no annotation of COCO; give a mapping with bbox or segmentation.")
    if row.get("segmentation"):
        place: dict[str, Any] = {"mask": coco.mask(row["segmentation"], size)}
    else:
        match row.get("bbox"):
            case [Real() as left, Real() as top, Real() as width, Real() as height]:
                place = {"box": [left, top, left + width, top + height]}
            case other:
                raise SettingsError(f"bbox {quoted(other)} of a COCO annotation; give [x, y, width, height] in pixels.")
    return _region(place, row.get("category_id"), row.get("score"), names)


def _region(
    place: Mapping[str, Any],
    label: Any,  # noqa: ANN401 - a number or a word
    score: Any,  # noqa: ANN401 - a number of any library
    names: Mapping[int, str] | Sequence[str] | None,
) -> dict[str, Any]:
    name = _name(label, names)
    named = {} if name is None else {"label": name}
    return {**place, **named, **({} if score is None else {"score": _number(score)})}


def _name(label: Any, names: Mapping[int, str] | Sequence[str] | None) -> str | None:  # noqa: ANN401 - a number or a word
    """Give what a label says; None where it says nothing."""
    if label is None or not isinstance(label, (Real, np.ndarray)):
        return None if label is None else str(label)
    if not np.isfinite(_number(label)):
        return None
    number = int(_number(label))
    try:
        return str(names[number]) if names else f"class {number}"
    except (KeyError, IndexError):
        return f"class {number}"


def _listed(box: Any) -> Any:  # noqa: ANN401 - four numbers, checked by who reads them
    return box.tolist() if isinstance(box, np.ndarray) else box


def _flat(mask: np.ndarray) -> np.ndarray:
    """Give `bool [height, width]` for a mask, also one of probabilities, also with an axis of one before them."""
    mask = np.asarray(plain(mask))
    mask = mask[0] if mask.ndim == 3 and len(mask) == 1 else mask  # noqa: PLR2004 - a channel
    return mask > _LIKELY if np.issubdtype(mask.dtype, np.floating) else mask
