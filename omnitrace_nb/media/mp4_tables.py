"""Whether the tables of an MP4's tracks agree with each other, with the film, and with where its media data lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb.media.damage import Damage

if TYPE_CHECKING:
    from omnitrace_nb.media.mp4_boxes import Track, Walk

_NEEDED = frozenset(b"tkhd mdhd hdlr stsd stts stsc".split())  # in each track
_UNKNOWN = {0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}
ROUNDED = 2  # ticks by which a rounded duration may differ
_REORDERED = 40  # frames: twice the most that a coding may reorder, and some
_FEW_TICKS = 240  # a second: of a film whose ticks are its frames, at any rate
_MANY = 1 << 24  # samples of a track that are looked at one by one: days of film


def check_track(walk: Walk, track: Track) -> None:
    """Compare a track's tables with each other."""
    count, tables = track.samples, track.tables
    if missing := _NEEDED - track.boxes:
        raise Damage(f"a track of it lacks its box {min(missing).decode()!r}")
    stts = tables.get(b"stts", np.zeros((0, 2), np.int64))
    for name, what in ((b"stts", "durations"), (b"ctts", "times")):
        if name in tables and tables[name].size and (total := int(tables[name][:, 0].sum())) != count:
            raise Damage(f"it has {count:,} samples in a track, but {what} of {total:,}")
    sync = tables.get(b"stss", np.zeros(0, np.int64))
    if sync.size and (sync[0] < 1 or sync[-1] > count or (np.diff(sync) <= 0).any()):
        raise Damage("its table of key frames names frames that are not there")
    if walk.fragmented:
        return
    lasting = _durations(track, stts)
    slack = max(ROUNDED, track.timescale // 1000)
    steady = len(stts) <= 2 and min(abs(track.duration - one) for one in lasting) > slack  # noqa: PLR2004 - see below
    # Of frames that last differently, muxers count the last in decoding or in showing.
    if track.duration not in _UNKNOWN and (
        steady or not min(lasting) - slack <= track.duration <= max(lasting) + slack
    ):
        raise Damage(f"a track promises {track.duration:,} ticks, its samples last {lasting[0]:,}")
    _check_edits(walk, track, lasting)


def _durations(track: Track, stts: np.ndarray) -> tuple[int, ...]:
    """Give how long a track's samples last: by decoding, without the last, by showing, and from the first shown on."""
    if not len(stts) or track.samples > _MANY:
        return ((stts[:, 0] * stts[:, 1]).sum(),) if len(stts) else (0,)
    each = np.repeat(stts[:, 1], stts[:, 0])
    total = int(each.sum())
    ctts = track.tables.get(b"ctts")
    shift = 0 if ctts is None else np.repeat(ctts[:, 1].astype(np.int32).astype(np.int64), ctts[:, 0])
    starts = np.cumsum(each) - each + shift
    check_shifts(shift, int(each.max()))
    first, last, end = int(starts.min()), int(starts.max()), int((starts + each).max())
    return total, total - int(each[-1]), end, end - first, last, last - first


def check_shifts(shift: np.ndarray | int, longest: int) -> None:
    """Refuse a frame that is shown far from where it is decoded: codings reorder a few frames."""
    apart = int(np.ptp(shift)) if np.size(shift) else 0
    if apart > _REORDERED * max(longest, 1):
        raise Damage(f"a frame is shown {apart:,} ticks from its place, where frames last {longest:,} at most")


def _check_edits(walk: Walk, track: Track, lasting: tuple[int, ...]) -> None:
    """Compare what is shown of a track with what it has, and with the film's own duration."""
    if not walk.timescale or not track.timescale or track.shown in _UNKNOWN or not lasting[0]:
        return
    _check_timescale(walk)
    tick = 1 / walk.timescale
    slack = ROUNDED * max(tick, 1 / track.timescale) + 1e-3
    shown, whole = track.shown * tick, [one / track.timescale for one in lasting]
    if track.edits:
        edited = sum(length for length, _ in track.edits) * tick
        if edited and abs(edited - shown) > slack:
            raise Damage(f"a track promises {shown:g} s, its edits {edited:g} s")
        played = [(length * tick, start) for length, start in track.edits if start >= 0]
        if any(length > (max(lasting) - start) / track.timescale + slack for length, start in played):
            raise Damage("an edit of a track is longer than what it shows")
        if any(start > max(lasting) for _, start in track.edits):
            raise Damage("an edit of a track begins after its end")
    elif min(abs(shown - one) for one in whole) > slack:
        raise Damage(f"a track promises {shown:g} s, its samples last {whole[0]:g} s")
    if walk.duration not in _UNKNOWN and shown > walk.duration * tick + slack:
        raise Damage(f"the film promises {walk.duration * tick:g} s, a track of it {shown:g} s")


def _check_timescale(walk: Walk) -> None:
    """Refuse ticks a second that nobody writes: a film's are a round number, as 600, 1000 or 90000, or a track's."""
    rest = walk.timescale
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    odd = walk.timescale > _FEW_TICKS and rest != 1 and walk.timescale % 37 and walk.timescale % 1001
    if odd and walk.timescale not in {track.timescale for track in walk.tracks}:
        raise Damage(f"it counts {walk.timescale:,} ticks a second, which no film does")


def check_places(walk: Walk) -> None:
    """Refuse samples that lie outside the media data, or over each other."""
    extents = [_extents(track) for track in walk.tracks if not track.elsewhere and track.sizes is not None]
    if not extents or walk.fragmented or not walk.stored:
        return
    joined = np.concatenate(extents)
    joined = joined[joined[:, 0] < joined[:, 1]]
    joined = joined[np.argsort(joined[:, 0], kind="stable")]
    stored = np.array(sorted(walk.stored), np.int64)
    inside = np.searchsorted(stored[:, 0], joined[:, 0], side="right") - 1
    if (inside < 0).any() or (joined[:, 1] > stored[np.maximum(inside, 0), 1]).any():
        raise Damage("its tables name samples that do not lie in its media data")
    if (joined[1:, 0] < joined[:-1, 1]).any():
        raise Damage("its tables name samples that lie over each other")


def _extents(track: Track) -> np.ndarray:
    """Give where each chunk of samples begins and ends: `[chunks, 2]`."""
    chunks = track.tables.get(b"co64", track.tables.get(b"stco", np.zeros(0, np.int64)))
    runs = track.tables.get(b"stsc", np.zeros((0, 3), np.int64))
    if track.sizes is None or not chunks.size:
        if track.samples:
            raise Damage("its tables do not say where its samples lie")
        return np.zeros((0, 2), np.int64)
    if not len(runs) or runs[0, 0] != 1 or (np.diff(runs[:, 0]) <= 0).any() or runs[-1, 0] > chunks.size:
        raise Damage("its table of chunks is out of order")
    lengths = np.diff(np.append(runs[:, 0], chunks.size + 1))
    each = np.repeat(runs[:, 1], lengths)
    if int(each.sum()) != track.samples:
        raise Damage(f"it has {track.samples:,} samples in a track, but chunks of {int(each.sum()):,}")
    total = np.append(0, np.cumsum(track.sizes))
    stops = np.cumsum(each)
    return np.stack([chunks, chunks + total[stops] - total[stops - each]], axis=1)
