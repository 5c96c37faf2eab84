"""Speech recognisers, each as a function `(samples, sampling_rate) -> segments` that cuts sounds by what is said.

Any function of that kind will do in `sources={"audio": ...}`; these are ready ones: `whisper` through transformers,
`paraformer` (the paper's default) through funasr, `scribe` of ElevenLabs, and `pocketsphinx`, which is small, offline
at once and weak: for trying. `in_chunks` makes of any of them the paper's semantic chunks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.media.encode import wav
from omnitrace_nb.media.loaded import Sound
from omnitrace_nb.quoting import quoted
from omnitrace_nb.speech.chunks import semantic_chunks
from omnitrace_nb.speech.needing import needed
from omnitrace_nb.speech.transcript import Segment, read_transcript, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    Recognizer = Callable[[np.ndarray, int], Sequence[Segment]]

PAUSE = 0.35  # seconds of silence between words that part two segments where no sign does


def in_chunks(recognizer: Recognizer, **options: Any) -> Recognizer:  # noqa: ANN401 - those of `semantic_chunks`
    """Give a recogniser whose segments are semantic chunks; `options` are those of `semantic_chunks`.

    Segments that cannot be used, such as those before the beginning, are given as they are behind the chunks, so that
    they are named by who reads them.
    """

    def heard(samples: np.ndarray, sampling_rate: int) -> tuple[Segment, ...]:
        found, wrong = usable(tuple(recognizer(samples, sampling_rate) or ()))
        return (*semantic_chunks(found, **options), *(each for each, _ in wrong))

    heard.__name__ = getattr(recognizer, "__name__", type(recognizer).__name__)
    return heard


def whisper(model: Any = "openai/whisper-small", **options: Any) -> Recognizer:  # noqa: ANN401 - transformers ships no types
    """Give Whisper (Radford et al., arXiv 2212.04356), or any recogniser of transformers that knows times.

    Args:
        model: a hub id or a folder, or an "automatic-speech-recognition" pipeline of your own.
        options: further keywords of `transformers.pipeline`, such as `device` or `dtype`.
    """
    pipeline = model if callable(model) else _made(needed("transformers").pipeline, "whisper", model, options)

    def heard(samples: np.ndarray, sampling_rate: int) -> tuple[Segment, ...]:
        found = pipeline({"raw": samples, "sampling_rate": sampling_rate}, return_timestamps=True)
        return _of_chunks(found.get("chunks", []), len(samples) / sampling_rate)

    heard.__name__ = "whisper"
    return heard


def paraformer(model: Any = "paraformer-zh", **options: Any) -> Recognizer:  # noqa: ANN401 - funasr ships no types
    """Give Paraformer (Gao et al., arXiv 2206.08317) through funasr, with speakers where its `spk_model` knows them.

    Args:
        model: a name that `funasr.AutoModel` knows, or an `AutoModel` of your own.
        options: its further keywords; left out, voice activity by "fsmn-vad" and punctuation by "ct-punc".
    """
    if isinstance(model, str):
        options = {"vad_model": "fsmn-vad", "punc_model": "ct-punc", "disable_update": True, **options}
        model = _made(needed("funasr").AutoModel, "paraformer", model, options)

    def heard(samples: np.ndarray, sampling_rate: int) -> tuple[Segment, ...]:
        found = model.generate(input=samples, fs=sampling_rate, sentence_timestamp=True)
        return tuple(segment for each in found for segment in _of_funasr(each))

    heard.__name__ = "paraformer"
    return heard


def scribe(client: Any = None, *, model: str = "scribe_v1", **options: Any) -> Recognizer:  # noqa: ANN401 - elevenlabs' own
    """Give ElevenLabs Scribe, which the paper's own code asks; the sound is sent to that service, under your key.

    Args:
        client: an `elevenlabs.ElevenLabs`; left out, one with the key in the environment (ELEVENLABS_API_KEY).
        model: "scribe_v1" or a later one.
        options: further keywords of `speech_to_text.convert`; left out, speakers are told apart.
    """
    client = needed("elevenlabs").ElevenLabs() if client is None else client
    options = {"diarize": True, "timestamps_granularity": "word", **options}

    def heard(samples: np.ndarray, sampling_rate: int) -> tuple[Segment, ...]:
        found = client.speech_to_text.convert(
            file=wav(Sound(samples, sampling_rate, len(samples) / sampling_rate)), model_id=model, **options
        )
        words = [word for word in found.model_dump()["words"] if word["type"] == "word"]
        return read_transcript(words) if words else ()

    heard.__name__ = "scribe"
    return heard


def pocketsphinx(**options: Any) -> Recognizer:  # noqa: ANN401 - those of its decoder
    """Give CMU's PocketSphinx with the American English model in its package: offline at once, and often wrong.

    Args:
        options: further keywords of `pocketsphinx.Decoder`.
    """
    package = needed("pocketsphinx", "speech")

    def heard(samples: np.ndarray, sampling_rate: int) -> tuple[Segment, ...]:
        decoder = package.Decoder(**{"samprate": sampling_rate, "loglevel": "FATAL", **options})
        frame = 1 / decoder.config["frate"]
        decoder.start_utt()
        decoder.process_raw(_levels(samples), full_utt=True)
        decoder.end_utt()
        words = [
            Segment(each.start_frame * frame, (each.end_frame + 1) * frame, each.word.partition("(")[0])
            for each in decoder.seg()
            if each.word[0] not in "<[+"  # silence and noise
        ]
        return _between_pauses(words)

    heard.__name__ = "pocketsphinx"
    return heard


def _made(maker: Callable[..., Any], recogniser: str, model: object, options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - another library's model
    """Make a recogniser's model; another library's error becomes a `SettingsError`."""
    task = {"task": "automatic-speech-recognition"} if recogniser == "whisper" else {}
    try:
        return maker(**task, model=model, **options)
    except Exception as error:  # of many libraries, some of which raise this very class
        said = " ".join(f"{str(error) or type(error).__name__}".split())
        raise SettingsError(
            f"{recogniser}: model={quoted(model)} could not be loaded: {said} Give a hub id, a folder or a model in "
            "memory, and options that its library knows."
        ) from error


def _of_chunks(chunks: Sequence[Mapping[str, Any]], duration: float) -> tuple[Segment, ...]:
    """Read a pipeline's chunks; a last one that was cut off ends with the sound."""
    found = []
    for chunk in chunks:
        t0, t1 = chunk["timestamp"]
        end = duration if t1 is None else min(t1, duration)
        if t0 is not None and t0 < end:
            found.append(Segment(float(t0), float(end), chunk["text"].strip()))
    return tuple(found)


def _of_funasr(found: Mapping[str, Any]) -> tuple[Segment, ...]:
    """Read what funasr found: sentences, or at least the time of each token, in milliseconds."""
    if sentences := found.get("sentence_info"):
        return tuple(
            Segment(each["start"] / 1000, each["end"] / 1000, _said(each), _speaker(each)) for each in sentences
        )
    times = found.get("timestamp") or []
    if not times:
        return ()
    return (Segment(times[0][0] / 1000, times[-1][1] / 1000, found.get("text", "")),)


def _said(each: Mapping[str, Any]) -> str:
    text = each.get("text") or each.get("sentence") or ""
    return text if isinstance(text, str) else " ".join(text)


def _speaker(each: Mapping[str, Any]) -> str:
    return f"speaker {each['spk']}" if each.get("spk") is not None else ""


def _between_pauses(words: Sequence[Segment]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    last = -math.inf
    for word in words:
        if found and word.t0 - last < PAUSE:
            before = found.pop()
            found.append(Segment(before.t0, word.t1, f"{before.text} {word.text}"))
        else:
            found.append(word)
        last = word.t1
    return tuple(found)


def _levels(samples: np.ndarray) -> bytes:
    levels: bytes = (samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes()
    return levels
