"""A trace in the output format of the code released with the paper, for whatever reads its `output.json`.

The names and shapes are those of the files that its command writes (github.com/eric-ai-lab/OmniTrace, as of its
version 0.1.1); docs/exports.md describes each field, and what this format cannot say of a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omnitrace_nb.arguments import told
from omnitrace_nb.content.samples import Sample
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.trace.plain import plain

if TYPE_CHECKING:
    from collections.abc import Hashable

    from omnitrace_nb.trace.records import PartRecord, Source
    from omnitrace_nb.trace.result import Trace

TIMED = ("audio", "video")
SECONDS = 2  # decimals


@told(signal=str, sample=(Sample, Mapping))
def to_paper(
    trace: Trace, signal: str | None = None, sample: Sample | Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Give the records of an output file: one, for one trace.

    Args:
        trace: what to write.
        signal: by which the sources are selected; the first one if left out.
        sample: the sample that was traced, whose `id`, `task`, `source_dataset`, `prompt`, `question` and `answer` are
            taken over; without it they are what the trace knows.

    Raises:
        SignalError: a signal that the trace does not have.
        SettingsError: a sample of another kind.
    """
    if signal is not None:
        trace.scores(signal)
    by = signal or next(iter(trace.signals), None)
    kinds = [part.kind for part in trace.parts]
    modality = "+".join(_modalities(kinds))
    record = {
        **_asked(trace, modality, sample),
        "response": trace.response,
        "attribution": {
            "gen_chunks": [trace.response[slice(*each)] for each in trace.statement_chars],
            "per_chunk_attribution": _chunks(trace, by, modality),
        },
    }
    first = min((int(source.positions.min()) for source in trace.source_records), default=0)
    if modality not in TIMED:
        texts = (source for source in trace.source_records if source.modality == "text")
        record["input_text_chunks"] = [
            {"chunk_id": at, "input_id_span": _span(source.positions, first), "text": _words(trace, source)}
            for at, source in enumerate(texts)
        ]
        record["input_image_chunks"] = [
            {"chunk_id": at, "input_id_span": _span(trace.layout.positions(index), first)}
            for at, index in enumerate(_of_kind(trace, "image"))
        ]
    if "audio" in kinds:
        record["input_audio_chunks"] = _clips(trace, "audio")
    if kinds.count("video") > 1:
        record["input_video_chunks"] = _clips(trace, "video")
    return [plain(record)]


def _modalities(kinds: list[str]) -> list[str]:
    timed = [kind for kind in TIMED if kind in kinds]
    return ["image_text", *timed] if "image" in kinds or not timed else timed


def _asked(trace: Trace, modality: str, sample: Sample | Mapping[str, Any] | None) -> dict[str, Any]:
    raw: Mapping[str, Any] = sample.raw if isinstance(sample, Sample) else sample or {}
    if not isinstance(raw, Mapping):
        raise SettingsError(
            f"sample={type(sample).__name__} is no sample; give one of ot.read_samples, or its mapping."
        )
    question = raw.get("question", [_block(part) for part in trace.parts])
    prompt = raw.get("prompt") or ""
    if modality in TIMED:  # there, the prompt is everything that was said beside the medium
        said = [block["text"] for block in question if "text" in block] if isinstance(question, list) else [question]
        prompt = f"{prompt}{''.join(said)}"
    known = {name: raw.get(name) for name in ("task", "source_dataset")}
    return {
        "id": raw.get("id"), **known, "modality": modality, "prompt": prompt, "question": question,
        "answer": raw.get("answer"),
    }  # fmt: skip


def _block(part: PartRecord) -> dict[str, Any]:
    return {"text": part.text} if part.kind == "text" else {part.kind: part.label}


def _chunks(trace: Trace, signal: str | None, modality: str) -> list[dict[str, Any]]:
    """Give each statement with the sources selected for it, best first, and its seconds in their order."""
    spans, intervals = trace.spans, trace.intervals
    spans = spans[spans["selected"] & (spans["signal"] == signal)]
    chosen: dict[int, list[int]] = {}
    for statement, source_id in zip(spans["statement"].tolist(), spans["source"].tolist(), strict=True):
        chosen.setdefault(statement, []).append(source_id)
    intervals = intervals[intervals["signal"] == signal]
    timed: dict[int, list[dict[Hashable, Any]]] = {}
    for row in intervals[["statement", "part", "t0", "t1"]].to_dict("records"):
        timed.setdefault(row["statement"], []).append(row)
    texts = (source.id for source in trace.source_records if source.modality == "text")
    number = {id_: at for at, id_ in enumerate(texts)}
    images = _of_kind(trace, "image")
    chunks = []
    for at, (start, end) in enumerate(trace.statement_chars):
        own = [trace.source_records[source] for source in chosen.get(at + 1, [])]
        chunk: dict[str, Any] = {"chunk_id": at, "chunk_text": trace.response[start:end]}
        if modality not in TIMED:
            credited = dict.fromkeys(source.part for source in own if source.modality == "image")
            chunk["image_sources_curated"] = [{"source_chunk_id": images.index(index)} for index in credited]
            chunk["text_sources_curated"] = [
                {"source_chunk_id": number[source.id], "source_text": _words(trace, source)}
                for source in own
                if source.id in number
            ]
        for kind in TIMED:
            if kind in modality:
                chunk[f"{kind}_sources_curated"] = _seconds(timed.get(at + 1, []), _of_kind(trace, kind))
        chunks.append(chunk)
    return chunks


def _seconds(intervals: list[dict[Hashable, Any]], clips: list[int]) -> list[Any]:
    """Give `[t0, t1]`, as the released code does for its one clip; of several clips, with the number of each."""
    own = [
        (clips.index(row["part"]), [round(row["t0"], SECONDS), round(row["t1"], SECONDS)])
        for row in intervals
        if row["part"] in clips
    ]
    if len(clips) == 1:
        return [time for _, time in own]
    return [{"source_chunk_id": clip, "time_range": time} for clip, time in own]


def _clips(trace: Trace, kind: str) -> list[dict[str, Any]]:
    return [
        {
            "chunk_id": at,
            f"{kind}_span": [0.0, trace.parts[index].duration],
            "input_id_span": _span(trace.layout.positions(index), 0),
        }
        for at, index in enumerate(_of_kind(trace, kind))
    ]


def _of_kind(trace: Trace, kind: str) -> list[int]:
    return [part.index for part in trace.parts if part.kind == kind]


def _span(positions: Any, first: int) -> list[int] | None:  # noqa: ANN401 (an array of positions)
    """Give the first and the last position, both held, counted from `first`."""
    return [int(positions.min()) - first, int(positions.max()) - first] if len(positions) else None


def _words(trace: Trace, source: Source) -> str:
    return (trace.parts[source.part].text or "")[slice(*(source.chars or (0, 0)))]
