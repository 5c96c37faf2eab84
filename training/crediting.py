"""F1 of the curated sources against the world's truth, by signal, assignment rule and kind of evidence."""

from collections.abc import Sequence

import pandas as pd
from tqdm import tqdm

import omnitrace_nb as ot
from omnitrace_nb.content.parts import Part
from omnitrace_nb.evaluate import Support, judge, score
from training import world

SIGNALS = ("attmean", "rawatt", "attgrads", "excess")
EVIDENCE = {
    "fact": "text",
    "picture": "image",
    "place": "image",
    "sound": "sound",
    "scene": "film",
    "film sound": "film's sound",
    "compare": "two parts",
}
TRACKS = {"frames": "video", "sound": "audio"}


def parts_of(sample: world.Sample) -> list[Part]:
    """A sample's prompt as a user of omnitrace_nb would give it."""
    return [part_of(part) for part in sample.prompt]


def part_of(part: object) -> Part:
    """One part of the world as omnitrace_nb's."""
    match part:
        case world.TextPart(text):
            return ot.Text(text)
        case world.ImagePart(pixels):
            return ot.Image(pixels)
        case world.AudioPart(waveform):
            return ot.Audio(waveform, sampling_rate=world.sample.SAMPLING_RATE)
        case world.VideoPart(frames, fps, track):
            rate = None if track is None else world.sample.SAMPLING_RATE
            return ot.Video(frames, fps=fps, audio=track, sampling_rate=rate)
    raise TypeError(f"no part of the world: {part!r}")


def truth_of(sample: world.Sample) -> dict[int, list[Support]]:
    """What each statement of the right answer rests on."""
    return {
        place: [
            Support(
                each.part,
                chars=each.chars,
                box=each.box,
                time=each.seconds,
                modality=None if each.track is None else TRACKS[each.track],
            )
            for each in statement.supports
        ]
        for place, statement in enumerate(sample.statements)
    }


def credit(samples: Sequence[world.Sample], tracer: ot.Tracer) -> tuple[pd.DataFrame, int]:
    """Trace prompts and score the sources of those that are answered wholly right; their number comes second."""
    judged = []
    for sample in tqdm(samples, desc="crediting"):
        trace = tracer.trace(parts_of(sample), signals=SIGNALS, progress=False)
        if trace.response != sample.response or len(trace.statements) != len(sample.statements):
            continue
        rows = judge(trace, truth_of(sample))
        kinds = pd.Series([EVIDENCE[statement.kind] for statement in sample.statements])
        judged.append(rows.assign(evidence=kinds[rows["statement"]].to_numpy()))
    return score(pd.concat(judged), by=("signal", "assign", "evidence")), len(judged)


def report(scored: pd.DataFrame) -> str:
    """F1 (micro, per cent) as text: a line a signal and rule, a column a kind of evidence."""
    wide = scored.pivot_table(index=["signal", "assign"], columns="evidence", values="f1", sort=False) * 100
    counts = scored.groupby("evidence", sort=False)["statements"].first()
    columns = [name for name in dict.fromkeys(EVIDENCE.values()) if name in wide]
    return wide[columns].round(0).astype("Int64").rename(columns=lambda name: f"{name} ({counts[name]})").to_string()
