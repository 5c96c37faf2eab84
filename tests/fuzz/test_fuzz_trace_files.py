"""Trace files with right checksums and wrong insides: refused by the field's name, or shown in every form."""

import io
import json
import re
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from test_trace import verified
from traces import make_trace

from omnitrace_nb import view
from omnitrace_nb.charts import frames
from omnitrace_nb.errors import TraceFileError
from omnitrace_nb.trace import container, open_trace

CEILING = 64_000_000  # bytes
SECONDS = 20.0  # of opening and all forms, on a machine that does much else
ODD = (
    None, True, False, 0, 1, -1, 2, 5, 999, 10**9, 2**53 + 1, 10**30, 0.5, -0.5, 1e300, float("nan"), float("inf"), "",
    "a", "<script>alert(1)</script>", "\ud800", "\x00", [], {}, [[]], [1], [0, 1], [1, 0], [5, 2, 1], {"a": 1}, "text",
    "audio", "image", "video", [0.0, 1e-300], [-5, 5], [0, 0],
)  # fmt: skip


@pytest.fixture(scope="module")
def entries():
    """The entries of a small trace with every kind of piece."""
    trace = verified(make_trace())
    held = io.BytesIO()
    trace.save(held, embed_media=True)
    open_trace(held)
    with zipfile.ZipFile(held) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def nodes(value, path=()):
    """Every place of a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(each, (*path, key))


def changed_json(about, rng):
    """Change one to three places: another value, none, twice, swapped with another place."""
    for _ in range(rng.integers(1, 4)):
        places = [path for path in nodes(about) if path]
        *way, last = places[rng.integers(len(places))]
        holder = about
        for key in way:
            holder = holder[key]
        what = rng.integers(5)
        if what == 0:
            del holder[last]
        elif what == 1 and isinstance(holder, list):
            holder.insert(last, holder[last])
        elif what == 2:
            other = places[rng.integers(len(places))]
            holder[last] = json.loads(json.dumps(found(about, other)))
        elif what == 3 and isinstance(holder[last], (int, float)) and not isinstance(holder[last], bool):
            holder[last] = holder[last] * [-1, 2, 1000, 0][rng.integers(4)] + [0, 1, -1, 0.5][rng.integers(4)]
        else:
            holder[last] = ODD[rng.integers(len(ODD))]
    return about


def found(about, path):
    """What stands at a path, as far as that goes."""
    for key in path:
        there = range(len(about)) if isinstance(about, list) else about
        if not isinstance(about, (dict, list)) or key not in there:
            break
        about = about[key]
    return about


def changed_array(data, rng):
    """Change some values of an array to odd ones, or its type or shape."""
    array = np.load(io.BytesIO(data))
    what = rng.integers(4)
    if what == 0 and array.ndim:
        array = array[: rng.integers(len(array) + 1)]
    elif what == 1:
        array = array.astype([np.float64, np.int8, np.uint16, np.complex64][rng.integers(4)])
    elif array.size:
        flat = array.reshape(-1)
        odd = (np.nan, np.inf, -np.inf, 1e30, -1) if array.dtype.kind == "f" else (-1, -2, 0, 1, 7, 99, 10**9, -(10**9))
        info = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
        for _ in range(rng.integers(1, 5)):
            value = odd[rng.integers(len(odd))]
            with np.errstate(over="ignore"):
                flat[rng.integers(len(flat))] = value if info is None else np.clip(value, info.min, info.max)
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def mutated(entries, rng):
    """Give a file's bytes after some changes, its hashes made right again; then perhaps its zip is lied about."""
    entries = dict(entries)
    names = sorted(entries)
    for _ in range(rng.integers(1, 3)):
        name = names[rng.integers(len(names))] if rng.random() < 0.5 else "trace.json"
        what = rng.integers(8)
        if name == "trace.json":
            entries[name] = json.dumps(changed_json(json.loads(entries.get(name, b"{}")), rng)).encode()
        elif what == 0:
            entries.pop(name, None)
        elif what == 1:
            entries[name] = entries[names[rng.integers(len(names))]] if rng.random() < 0.5 else b""
        elif name.endswith(".npy") and entries.get(name):
            try:
                entries[name] = changed_array(entries[name], rng)
            except (ValueError, EOFError):  # it was changed before, into no array
                entries[name] = rng.bytes(64)
        else:
            entries[name] = rng.bytes(int(rng.integers(0, 200)))
    held = io.BytesIO()
    container._write_zip(held, entries)
    return lied_about(bytearray(held.getvalue()), rng) if rng.random() < 0.2 else held.getvalue()


def lied_about(data, rng):
    """Change a size, an offset or a flag in the zip's directory."""
    at = [place for place in range(len(data) - 4) if data[place : place + 4] == b"PK\x01\x02"]
    if at:
        field, size = [(8, "<H"), (10, "<H"), (20, "<I"), (24, "<I"), (42, "<I")][rng.integers(5)]
        value = int([0, 1, 9, 2**16 - 1, 10**6, 2**31, 2**32 - 1][rng.integers(7)])
        struct.pack_into(size, data, at[rng.integers(len(at))] + field, value & (2 ** (8 * struct.calcsize(size)) - 1))
    return bytes(data)


def show(trace):
    """Make every form of a trace."""
    with view.display("static"):
        data, _ = trace._repr_mimebundle_()
    html = trace.to_html()
    for written in (data["text/html"], trace.to_markdown()):
        assert "<script" not in written
    assert "<script>alert" not in html
    trace.to_json()
    trace.to_json(format="paper")
    repr(trace)
    for table in ("sources", "steps", "statements", "spans", "intervals", "checks", "budget", "modalities"):
        getattr(trace, table)
    trace.curate(gamma=1.0, assign="peak")
    for signal in trace.signals:
        trace.votes(signal)
        trace.attribute(signal)
        for frame in (frames.matrix, frames.modalities, frames.steps, frames.confidence):
            frame(trace, signal)
    frames.positions(trace, list(trace.signals))
    frames.cost(trace)
    if len(trace.signals) > 1:
        trace.agreement()
    trace.to_png(width=400, scale=0.5)
    if len(trace.statements):
        trace.to_png(statement=1, width=400, scale=0.5)
    for source in trace.source_records:
        trace.source(source.id)._repr_html_()
    again = io.BytesIO()
    trace.save(again)
    open_trace(again)


def opened(data):
    """Open a file below the ceiling; give the trace, or why it is refused."""
    tracemalloc.start()
    try:
        trace = open_trace(io.BytesIO(data), max_bytes=CEILING)
    except TraceFileError as error:
        said = str(error)
        assert re.search(r"is damaged \(|no trace|max_bytes", said), said
        assert "Error:" not in said, f"no field is named in {said}"
        trace = said
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * CEILING, f"{peak:,} bytes"
    return trace


@pytest.mark.fuzz(rounds=400, seconds=20)
def test_a_trace_file_with_wrong_insides_is_refused_by_name_or_shown_in_every_form(entries, cases):
    refused = 0
    for seed in cases:
        started = time.process_time()
        try:
            found = opened(mutated(entries, np.random.default_rng(seed)))
            if isinstance(found, str):
                refused += 1
            else:
                show(found)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        taken = time.process_time() - started
        assert taken < SECONDS, f"seed {seed}: {taken:.1f} s"
    assert refused
