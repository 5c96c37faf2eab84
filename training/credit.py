"""F1 of the sources that a tracer credits, against the toy world's truth, by signal, assignment rule and modality."""

from collections.abc import Iterable, Sequence

import pandas as pd

import omnitrace_nb as ot
from omnitrace_nb.curation import ASSIGNMENTS
from omnitrace_nb.evaluate import Support, judge, score
from omnitrace_nb.signals import Signal
from training.world import AudioPart, ImagePart, Sample, Statement, TextPart
from training.world.sample import SAMPLING_RATE, Part

SIGNALS = ("excess", "attmean", "rawatt", "attgrads")
MODALITIES = {
    "fact": "text",
    "picture": "image",
    "place": "image",
    "sound": "sound",
    "scene": "film",
    "film sound": "film",
}
SIDES = {"frames": "video", "sound": "audio"}
COLUMNS = ("text", "image", "sound", "film", "two")


def given(part: Part) -> ot.Text | ot.Image | ot.Audio | ot.Video:
    """A part as the tracer takes it."""
    if isinstance(part, TextPart):
        return ot.Text(part.text)
    if isinstance(part, ImagePart):
        return ot.Image(part.pixels)
    if isinstance(part, AudioPart):
        return ot.Audio(part.waveform, sampling_rate=SAMPLING_RATE)
    if part.track is None:
        return ot.Video(part.frames, fps=part.fps)
    return ot.Video(part.frames, fps=part.fps, audio=part.track, sampling_rate=SAMPLING_RATE)


def supports(statement: Statement) -> list[Support]:
    """A statement's truth in the tracer's words."""
    return [
        Support(
            support.part,
            chars=support.chars,
            box=support.box,
            time=support.seconds,
            modality=SIDES[support.track] if support.track else None,
        )
        for support in statement.supports
    ]


def credit(samples: Iterable[Sample], tracer: ot.Tracer, signals: Sequence[str | Signal] = SIGNALS) -> pd.DataFrame:
    """Judge every rightly answered prompt: a row a (signal, rule, statement).

    `modality` is that of the statement's truth, "two" for a comparison; `question` says whether the question's own
    sentence could be credited too.
    """
    tables = []
    for sample in samples:
        trace = tracer.trace([given(part) for part in sample.prompt], signals=signals, progress=False)
        told = [text.strip() for text in trace.statements["text"]]
        if told != [statement.text for statement in sample.statements]:
            continue
        truth = {number: supports(statement) for number, statement in enumerate(sample.statements, 1)}
        kinds = {number: MODALITIES.get(statement.kind, "two") for number, statement in enumerate(sample.statements, 1)}
        for question in (False, True):
            judged = judge(trace, truth, question=question)
            tables.append(judged.assign(modality=judged["statement"].map(kinds), question=question))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def report(judged: pd.DataFrame) -> str:
    """The scores as a table, micro-averaged F1 in percent."""
    scored = score(judged).pivot_table(index=["signal", "assign"], columns="modality", values="f1") * 100
    rows = [(signal, rule) for signal in SIGNALS for rule in ASSIGNMENTS]
    table = scored.reindex(index=rows, columns=list(COLUMNS))
    return table.to_string(float_format=lambda value: f"{value:.0f}", na_rep="-")
