"""Damaged films and sounds are refused, or give what the undamaged file gives: never less, and never something else.

What is changed in place, inside what a coding without checksums made of a picture or of samples, nobody can tell
(docs/errors.md says of which formats this is true): such a file must then be as long as it was.
"""

from __future__ import annotations

import numpy as np
import pytest
from damaged import FORMATS, ONCE, SEALED, arrays, as_long, content, same, whole

from omnitrace_nb.errors import MediaError

LEAST, MOST = 1, 48  # bytes of what is cut out, put in or written twice
IN_FRONT = 700  # bytes in which headers lie


def damaged(data, rng):
    """Damage a file once; give what was done to it and whether that moved its bytes."""
    near = rng.random() < 0.4
    place = int(rng.integers(min(len(data), IN_FRONT))) if near else int(rng.integers(len(data)))
    place = len(data) - 1 - place if rng.random() < 0.3 else place
    size = int(rng.integers(LEAST, MOST))
    match rng.integers(6):
        case 0:
            return f"a zero byte put in at {place}", data[:place] + b"\0" + data[place:], True
        case 1:
            return f"{size} bytes put in at {place}", data[:place] + rng.bytes(size) + data[place:], True
        case 2:
            return f"{size} bytes cut out at {place}", data[:place] + data[place + size :], True
        case 3:
            return f"{size} bytes written twice at {place}", data[: place + size] + data[place:], True
        case 4:
            return f"cut at {place}", data[:place], True
    bit = int(rng.integers(8))
    return f"bit {bit} of byte {place}", data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :], False


@pytest.mark.fuzz(rounds=150, seconds=38)
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_film_or_sound_is_refused_or_the_same(name, cases):
    part, data, undamaged = whole(name)
    for seed in cases:
        what, bad, moved = damaged(data, np.random.default_rng(seed))
        if bad == data:
            continue
        try:
            read = content(part, bad)
        except MediaError:
            continue
        if name in SEALED or (moved and name != "gif"):  # a GIF's blocks may fit together without one of them
            assert same(read, undamaged), f"seed {seed}: {name}, {what}: read as something else"
        elif name in ONCE:
            assert len(arrays(read)) == len(arrays(undamaged)), f"seed {seed}: {name}, {what}: a track is not there"
        else:
            assert as_long(read, undamaged), f"seed {seed}: {name}, {what}: {read.duration} s, not {undamaged.duration}"
