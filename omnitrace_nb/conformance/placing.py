"""Whether the layout says where things are: found by changing the content, not by reading the processor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.conformance.subject import Failed, NotApplicable
from omnitrace_nb.layout import AUDIO, IMAGE, NOBODY, TEXT, VIDEO
from omnitrace_nb.media.loaded import Film, Picture, Sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnitrace_nb.conformance.subject import Subject
    from omnitrace_nb.layout import Layout
    from omnitrace_nb.media.loaded import LoadedPart

MUTED = 0.2  # seconds
PROBES = 3  # places tried in each part
STRONGEST = 0.1  # a position that the layout names must be among this share of the part's, by how far it moves


def owners(subject: Subject) -> str:
    """Every position has one owner or none, of a kind that agrees, within its part's characters, pixels and seconds."""
    layout, records = subject.encoded.layout, {record.index: record for record in subject.prompt.records}
    ids = subject.encoded.inputs["input_ids"][0].cpu().numpy() if "input_ids" in subject.encoded.inputs else None
    if ids is not None and not np.array_equal(ids, layout.token_ids):
        raise Failed("the layout's token ids are not the inputs'")
    kinds = {"text": {TEXT}, "image": {IMAGE}, "audio": {AUDIO}, "video": {VIDEO, AUDIO}}
    for part in np.unique(layout.part[layout.part != NOBODY]).tolist():
        if part not in records:
            raise Failed(f"positions belong to part {part}, which the prompt does not have")
        record, own = records[part], layout.part == part
        if strange := set(layout.modality[own].tolist()) - kinds[record.kind]:
            raise Failed(f"{record.label} owns positions of modality {sorted(strange)}")
        if record.kind == "text" and (layout.chars[own].min() < 0 or layout.chars[own].max() > len(record.text or "")):
            raise Failed(f"{record.label} has positions beyond its characters")
        if record.size and (layout.modality[own] != AUDIO).any():
            boxes = layout.box[own & (layout.modality != AUDIO)]
            if boxes.min() < -1 or (boxes[:, 2:] > np.array(record.size) + 1).any() or not np.isfinite(boxes).all():
                raise Failed(f"{record.label} has positions outside its {record.size[0]} x {record.size[1]} pixels")
    if (layout.modality[layout.part == NOBODY] != 0).any():
        raise Failed("positions that belong to nobody have a modality")
    missing = [record.label for record in records.values() if not (layout.part == record.index).any()]
    if missing:
        raise Failed(f"{missing[0]} owns no position")
    return f"{len(layout)} positions, {int((layout.part == NOBODY).sum())} of them nobody's"


def texts(subject: Subject) -> str:
    """The positions of a text write exactly its characters, and no special token is anybody's."""
    layout = subject.encoded.layout
    special = set(subject.adapter.tokenizer.all_special_ids)
    wrong = [at for at in np.flatnonzero(layout.modality == TEXT) if int(layout.token_ids[at]) in special]
    if wrong:
        raise Failed(f"the special token at position {wrong[0]} belongs to a text")
    counted = 0
    for record in subject.prompt.records:
        if record.kind != "text" or not record.text:
            continue
        positions = layout.positions(record.index, TEXT)
        covered = np.zeros(len(record.text), bool)
        for start, end in layout.chars[positions]:
            covered[start : max(end, start + 1)] = True
        bare = [at for at, letter in enumerate(record.text) if not covered[at] and not letter.isspace()]
        if bare:
            raise Failed(f"character {bare[0]} of {record.label} ({record.text[bare[0]]!r}) has no position")
        counted += len(record.text)
    return f"{counted} characters"


def patches(subject: Subject) -> str:
    """Changing one patch of a picture moves no other part, and the position that the layout names among the most."""
    return _probe(subject, "image", IMAGE, _paint)


def seconds(subject: Subject) -> str:
    """Muting 200 ms of a sound moves no other part, and the positions of that time among the most."""
    return _probe(subject, "audio", AUDIO, _mute)


def frames(subject: Subject) -> str:
    """Changing one frame of a film moves no other part nor its sound, and that time's frames among the most."""
    return _probe(subject, "video", VIDEO, _flash)


def tracks(subject: Subject) -> str:
    """Muting 200 ms of a film's sound moves no other part nor its frames, and its sound of that time the most."""
    return _probe(subject, "video", AUDIO, _mute)


def sentences(subject: Subject) -> str:
    """Changing one sentence moves no other part's positions, which keep their order."""
    part = next((each for each in subject.prompt.loaded if each.kind == "text" and len(str(each.content)) > 1), None)
    if part is None:
        raise NotApplicable("no text in the prompt")
    before, one = subject.embed(subject.prompt.loaded)
    text = str(part.content)
    changed = replace(part, content=text[: len(text) // 2] + " Nobody knows why." + text[len(text) // 2 :])
    after, other = subject.embed([changed if each is part else each for each in subject.prompt.loaded])
    for record in subject.prompt.records:
        if record.index == part.index:
            continue
        left, right = one.layout.positions(record.index), other.layout.positions(record.index)
        if len(left) != len(right):
            raise Failed(f"{record.label} has {len(left)} positions, and {len(right)} when another part changes")
        if len(left) and float((before[left] - after[right]).abs().max()) > 0:
            raise Failed(f"the input embeddings of {record.label} move when another part changes")
    return "all other parts' input embeddings stay as they are"


def _probe(subject: Subject, kind: str, modality: int, change: Callable[..., tuple[LoadedPart, str] | None]) -> str:
    """Change places of a part one at a time, and see which positions move."""
    layout = subject.encoded.layout
    part = next(
        (each for each in subject.prompt.loaded if each.kind == kind and len(layout.positions(each.index, modality))),
        None,
    )
    if part is None:
        raise NotApplicable(_absent(subject, kind, modality))
    before, _ = subject.embed(subject.prompt.loaded)
    positions, worst, exact = layout.positions(part.index, modality), 0.0, False
    for at in positions[np.linspace(0, len(positions) - 1, PROBES + 2).astype(int)[1:-1]].tolist():
        made = change(part, layout, at)
        if made is None:
            raise NotApplicable("the layout does not say where in the part its positions are")
        changed, where = made
        after, other = subject.embed([changed if each is part else each for each in subject.prompt.loaded])
        if not np.array_equal(other.layout.part, layout.part):
            raise Failed(f"changing {where} changes the prompt's layout")
        distance = (after - before).norm(dim=-1).numpy()
        own = (layout.part == part.index) & (layout.modality == modality)
        # What a medium is filled up with (padding, silence) is nobody's, and encoders mix the medium into it.
        own |= (layout.part == NOBODY) & np.isin(layout.token_ids, layout.token_ids[own])
        if (stray := distance[~own]).size and stray.max() > 0:
            place = int(np.flatnonzero(~own)[stray.argmax()])
            raise Failed(f"changing {where} moves position {place}, which is not of it")
        named = _same_place(layout, positions, at)
        exact |= len(named) < len(positions)
        best = min(int((distance[positions] > distance[place]).sum()) for place in named)
        worst = max(worst, best / len(positions))
        if worst > STRONGEST:
            raise Failed(
                f"changing {where} moves {best} of the part's {len(positions)} positions more than those named"
            )
    label = subject.prompt.records[part.index].label
    if not exact:
        return f"{PROBES} places of {label}; each of its positions is said to stand for the whole"
    return f"{PROBES} places of {label}; the named rank in the first {worst:.0%}"


def _absent(subject: Subject, kind: str, modality: int) -> str:
    names = {"image": "picture", "audio": "sound", "video": "film"}
    if kind not in subject.adapter.modalities:
        return f"the model reads no {names[kind]}"
    if not any(each.kind == kind for each in subject.prompt.loaded):
        return f"there is no {names[kind]} in the prompt"
    return "the film has no sound, or the model reads its frames alone" if modality == AUDIO else "it has no position"


def _same_place(layout: Layout, positions: np.ndarray, at: int) -> np.ndarray:
    """Give the positions of a part at the time (of a picture: whose boxes hold the middle) of one of them.

    Of a sound, those of all the time that is muted around it: an encoder that only looks back answers to the start of
    a change as strongly as to its middle.
    """
    time, box = layout.time[at], layout.box[at]
    if np.isfinite(time).all():
        if layout.modality[at] == AUDIO:
            time = np.array([min(time[0], time.mean() - MUTED / 2), max(time[1], time.mean() + MUTED / 2)])
        times = layout.time[positions]
        return positions[(times[:, 0] < time[1]) & (times[:, 1] > time[0])]
    boxes = layout.box[positions]
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return positions[(boxes[:, 0] <= across) & (across < boxes[:, 2]) & (boxes[:, 1] <= down) & (down < boxes[:, 3])]


def _paint(part: LoadedPart, layout: Layout, at: int) -> tuple[LoadedPart, str] | None:
    if not np.isfinite(layout.box[at]).all() or not isinstance(part.content, Picture):
        return None
    left, top, right, bottom = layout.box[at].round().astype(int)
    pixels = part.content.pixels.copy()
    pixels[top:bottom, left:right] = 255 - pixels[top:bottom, left:right]
    return replace(part, content=Picture(pixels)), f"pixels {left}-{right} x {top}-{bottom}"


def _mute(part: LoadedPart, layout: Layout, at: int) -> tuple[LoadedPart, str] | None:
    sound = part.content.sound if isinstance(part.content, Film) else part.content
    if not np.isfinite(layout.time[at]).all() or not isinstance(sound, Sound):
        return None
    middle = float(layout.time[at].mean())
    first, stop = (int((middle + side * MUTED / 2) * sound.sampling_rate) for side in (-1, 1))
    samples = sound.samples.copy()
    # Noise instead of silence where there is silence already: something must change.
    quiet = not np.abs(samples[max(first, 0) : stop]).max(initial=0)
    samples[max(first, 0) : stop] = 0.5 * np.sin(np.arange(stop - max(first, 0))) if quiet else 0
    heard = replace(sound, samples=samples.astype(np.float32))
    content = replace(part.content, sound=heard) if isinstance(part.content, Film) else heard
    return replace(part, content=content), f"the sound around {middle:.2f} s"


def _flash(part: LoadedPart, layout: Layout, at: int) -> tuple[LoadedPart, str] | None:
    if not np.isfinite(layout.time[at]).all() or not isinstance(part.content, Film):
        return None
    frame = int(np.abs(part.content.times + 0.5 / part.content.fps - layout.time[at].mean()).argmin())
    pixels = part.content.frames.copy()
    pixels[frame] = 255 - pixels[frame]
    return replace(
        part, content=replace(part.content, frames=pixels)
    ), f"the frame at {part.content.times[frame]:.2f} s"
