"""What long prompts take, each measured in a process of its own: `python -m benchmarks.long_inputs [--write]`.

An hour of sound, an hour of film with its sound, two minutes of film at 1080p, 100 pictures and 200,000 characters are
made here, read as Qwen2.5-Omni reads them (its own processor, with its own settings), and, up to 100,000 positions,
traced by a thinker of its class with random weights at toy size, whose context is made long enough. Peak memory is that
of the process beyond what it held before the prompt was read.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image as Pictures

from benchmarks.machine import describe, run_alone, write_results

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parent.parent / "docs" / "long_inputs.md"
START, END = "<!-- measured: python -m benchmarks.long_inputs --write -->", "<!-- end of measured -->"
STEPS = 16
MOST_TRACED = 100_000  # positions; a prompt of twice as many takes four times as long
HOUR = 3600
SENTENCE = "Mia sells honey at the market. The harbour was quiet in the morning, and Hugo sold clocks. "


def sound(seconds: int, path: Path) -> None:
    """Write noise in stereo at 44.1 kHz, as MP3."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        track = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        _sound(container, track, seconds, rng)


def film(seconds: int, size: tuple[int, int], rate: int, path: Path) -> None:
    """Write a film of moving shapes, with noise as its sound, as MP4."""
    rng = np.random.default_rng(0)
    ground = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
    ground[: size[1]] = 40 + np.arange(size[1])[:, None] * 100 // size[1]
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "35", "g": "250"})
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        track = container.add_stream("aac", rate=44_100, layout="stereo")
        for place in range(seconds * rate):
            planes = ground.copy()
            left = size[0] * (place % (10 * rate)) // (10 * rate)
            planes[: size[1], left : left + size[1] // 4] = 235  # a bright bar that crosses the picture in 10 s
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = place, Fraction(1, rate)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        _sound(container, track, seconds, rng)


def _sound(container: Any, track: Any, seconds: int, rng: np.random.Generator) -> None:  # noqa: ANN401 - PyAV's
    blocks = (0.1 * rng.standard_normal((7, 2, 44_100))).astype(np.float32)
    for second in range(seconds):
        block = blocks[second % len(blocks)]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, second * 44_100, Fraction(1, 44_100)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def photographs(count: int) -> list[bytes]:
    """Give pictures of 1920 x 1080 as JPEG."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        small = Pictures.fromarray(rng.integers(0, 256, (27, 48, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        small.resize((1920, 1080)).save(buffer, "JPEG")
        made.append(buffer.getvalue())
    return made


def inputs(folder: Path) -> dict[str, Callable[[], list[Any]]]:
    """Give the prompts by name; the media of each are made when they are wanted."""
    import omnitrace_nb as ot  # noqa: PLC0415 - a process that only prints tables needs none of it

    def made(name: str, make: Any, *settings: Any) -> Path:  # noqa: ANN401 - one of the functions above
        path = folder / name
        if not path.exists():
            make(*settings, path)
        return path

    hour = (HOUR, (320, 180), 10)
    text = (SENTENCE * (200_000 // len(SENTENCE) + 1))[:200_000]
    return {
        "an hour of sound": lambda: [ot.Audio(made("hour.mp3", sound, HOUR))],
        "an hour of film with its sound": lambda: [ot.Video(made("hour.mp4", film, *hour))],
        "the film, fps=0.1, max_pixels=50_000, sound=False": lambda: [
            ot.Video(made("hour.mp4", film, *hour), fps=0.1, max_pixels=50_000, sound=False)
        ],
        "the film, end=600, fps=0.5, max_pixels=100_000": lambda: [
            ot.Video(made("hour.mp4", film, *hour), fps=0.5, max_pixels=100_000, end=600.0)
        ],
        "2 minutes of film at 1080p, 1,200 frames": lambda: [
            ot.Video(made("hd.mp4", film, 120, (1920, 1080), 10), sound=False)
        ],
        "100 pictures of 1920 x 1080": lambda: [ot.Image(data) for data in photographs(100)],
        "the pictures, max_pixels=200_000": lambda: [ot.Image(data, max_pixels=200_000) for data in photographs(100)],
        "200,000 characters of text": lambda: [ot.Text(text)],
    }


def measure(name: str, folder: Path, *, traced: bool) -> dict[str, Any]:
    """Read one prompt, and trace it; give seconds, peaks in MB, positions."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    toys: Any = import_module("toys")

    from omnitrace_nb import Tracer, media  # noqa: PLC0415
    from omnitrace_nb.content import Text, as_parts  # noqa: PLC0415
    from omnitrace_nb.models import adapt  # noqa: PLC0415

    tokenizer = toys.make_tokenizer()
    config = toys.make_omni_config(tokenizer)
    config.text_config.max_position_embeddings = 10_000_000
    model = toys.Qwen2_5OmniThinkerForConditionalGeneration(config).eval()
    model.generation_config = toys.make_generation_config(tokenizer)
    adapter = adapt(model, toys.make_omni_processor(tokenizer))
    parts = as_parts([*inputs(folder)[name](), Text("What is it about?")])
    found: dict[str, Any] = {}
    before = _memory("VmRSS")

    def step(stage: str, work: Any) -> Any:  # noqa: ANN401 - whatever it gives
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        started = time.perf_counter()
        given = work()
        found[f"{stage} seconds"] = time.perf_counter() - started
        found[f"{stage} peak"] = (_memory("VmHWM") - before) / 1e6
        return given

    loaded = step("load", lambda: media.load(parts, adapter.needs, adapter.modalities))
    encoded = step("encode", lambda: adapter.encode(loaded))
    found["positions"] = len(encoded.layout)
    loaded = encoded = None
    if traced and found["positions"] <= MOST_TRACED:
        trace = step("trace", lambda: Tracer(adapter).trace(parts, max_new_tokens=STEPS, progress=False))
        found["prefill seconds"], found["decode seconds"] = (trace.run.seconds[each] for each in ("prefill", "decode"))
        path = step("save", lambda: trace.save(folder / "long.omnitrace"))
        found["file"] = path.stat().st_size / 1e6
        view = step("view", lambda: trace.view()._model)  # noqa: SLF001 - what a front end is sent
        found["sent"] = (len(view.prompt()) + len(view.response())) / 1e6
    return found


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Give the tables of the page."""
    read = ["| input | read, s | peak MB | processor, s | peak MB | positions |", "|---|---|---|---|---|---|"]
    traced = [
        "| input | prefill, s | a token, ms | peak MB | file, MB | view, s | sent, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        numbers = [f"{row[each]:,.0f}" for each in ("load seconds", "load peak", "encode seconds", "encode peak")]
        read.append(f"| {name} | {' | '.join(numbers)} | {row['positions']:,} |")
        if "prefill seconds" in row:
            token = 1000 * row["decode seconds"] / (STEPS - 1)
            traced.append(
                f"| {name} | {row['prefill seconds']:,.0f} | {token:,.0f} | {row['trace peak']:,.0f} | "
                f"{row['file']:.1f} | {row['view seconds']:.1f} | {row['sent']:.1f} |"
            )
    return [*read, "", f"Traced, {STEPS} tokens with `excess` and `attmean`:", "", *traced]


def main() -> None:
    """Measure everything, each prompt in a process of its own, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    parser.add_argument("--only", help="of the names of inputs, those that hold this")
    parser.add_argument("--read", action="store_true", help="do not trace")
    parser.add_argument("--folder", type=Path, help="where media are made, and kept for the next time")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(measure(given.one, given.folder, traced=not given.read)) + "\n")
        return
    rows = {}
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        for name in inputs(folder):
            if given.only and given.only not in name:
                continue
            inputs(folder)[name]()  # made here, so that the memory of making them is not measured
            flags = ["--read"] * given.read
            rows[name] = json.loads(
                run_alone("benchmarks.long_inputs", "--one", name, "--folder", str(folder.resolve()), *flags)
            )
            sys.stdout.write(f"{name}: {rows[name]}\n")
            sys.stdout.flush()
    lines = [f"Machine: {describe()} One thread, float32.", "", *table(rows)]
    sys.stdout.write("\n".join(lines) + "\n")
    if given.write:
        write_results(PAGE, START, END, lines)


if __name__ == "__main__":
    main()
