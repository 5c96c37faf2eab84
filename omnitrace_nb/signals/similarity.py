"""Similarity of statements and sources by their embeddings: what says the same may be the evidence, or may not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Signal
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.media.loaded import Film, Picture
from omnitrace_nb.media.sampling import as_decoded
from omnitrace_nb.passes.choices import in_turns, refuse_edited
from omnitrace_nb.planning import needing, nothing
from omnitrace_nb.quoting import quoted
from omnitrace_nb.signals.registry import register
from omnitrace_nb.values import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.passes import Finished
    from omnitrace_nb.trace.records import Source

THRESHOLD = 0.25
READS = ("text", "image", "video")
PAPER = "OmniTrace, arXiv 2604.13073, appendix C.2.2"


@register("embed_processor", over="run", family="baseline", cost="the prompt embedded once", source=PAPER, need=nothing)
def embed_processor(run: Finished) -> np.ndarray:
    """Cosine of a statement's and a source's mean input embeddings in the model, kept from 0.25 on.

    What a position's embedding is depends on its modality: a row of the embedding table for text, what the encoders
    give for pictures, sound and film. They need not share a space.
    """
    embeddings = run.forced.embeddings[0].float().cpu().numpy()
    own = [embeddings[run.prompt :][run.statement_of == index] for index in range(len(run.statements))]
    statements = [tokens.mean(axis=0) if len(tokens) else np.zeros(embeddings.shape[1]) for tokens in own]
    sources = [embeddings[source.positions].mean(axis=0) for source in run.sources]
    return in_turns(run, _kept(statements, sources, THRESHOLD))


@told(threshold=(int, float), reads=(str, list, tuple), name=str)
def embed(
    encoder: Any,  # noqa: ANN401 - a function, or an object with `encode`
    threshold: float = THRESHOLD,
    *,
    reads: Sequence[str] = READS,
    name: str | None = None,
) -> Signal:
    """Give a signal: the cosine of statement and source in an encoder's space, kept from `threshold` on.

    A sentence is given to the encoder as `str`; a picture, region, or the frame in the middle of a film's bin as
    `PIL.Image`. Things of one kind are given together. Sound is not encoded: its sources have no score, nor have those
    of modalities that the encoder does not read.

    Args:
        encoder: a function from a list of `k` things to `[k, d]` (an array or tensor), or an object whose `encode` is
            one, such as a `SentenceTransformer`.
        threshold: -1 to 1; a smaller cosine counts as 0, and so does one of 0 or less.
        reads: the modalities that the encoder reads, of "text", "image" and "video".
        name: the signal's name; left out: `embed` with the encoder's own name, the threshold, and `reads` if changed. A
            lambda's own name is "<lambda>": name it here when there is more than one.

    Raises:
        SettingsError: a threshold outside its range, or an unknown modality.
        SignalError: an encoder that cannot be called; while scoring: one that gives anything but `[k, d]`, or a prompt
            edited by `minus_null` or `minus_swapped`, which the encoder does not see.
    """
    encode = getattr(encoder, "encode", encoder)
    if not callable(encode):
        raise SignalError(
            f"encoder={quoted(encoder)}: expected a function from a list to [k, d], or an object with .encode"
        )
    if not -1 <= number_of(threshold) <= 1:
        raise SettingsError(f"threshold={quoted(threshold)}: expected a cosine, from -1 to 1")
    if isinstance(reads, str) or not isinstance(reads, Iterable) or not all(each in READS for each in reads):
        raise SettingsError(f"reads={reads!r}: expected some of 'text', 'image' and 'video', in a list")
    called = getattr(encoder, "__name__", type(encoder).__name__)

    changed = [] if tuple(reads) == READS else [f"reads={'+'.join(reads)}"]
    own = name or f"embed({', '.join([called, f'threshold={threshold:g}', *changed])})"

    @needing(nothing)  # of the traced model
    def credit(run: Finished) -> np.ndarray:
        refuse_edited(run, own, "compares the content as it was given")
        cosines = np.zeros((len(run.statements), len(run.sources)))
        if run.statements and run.sources:
            said = [run.response.text[start:end] for start, end in run.statements]
            statements = _encoded(encode, said, called)
            for alike in ([s for s in run.sources if s.modality == kind] for kind in reads):
                if alike:
                    things = [_thing(run, source) for source in alike]
                    cosines[:, [source.id for source in alike]] = _kept(
                        statements, _encoded(encode, things, called), threshold
                    )
        return in_turns(run, cosines)

    return Signal(
        own,
        f"Cosine of statement and source in the space of {called}, kept from {threshold:g} on.",
        family="baseline",
        cost="the encoder, once a statement and source",
        source=PAPER,
        credit=credit,
    )


def _encoded(encode: Callable[[list[Any]], Any], things: list[Any], called: str) -> np.ndarray:
    found = encode(things)
    found = found.detach().float().cpu().numpy() if hasattr(found, "detach") else np.asarray(found)
    if found.ndim != 2 or len(found) != len(things) or not np.isfinite(found).all():  # noqa: PLR2004 - things and features
        raise SignalError(
            f"the encoder {called} gave an array of shape {found.shape} for {len(things)} things: expected "
            f"({len(things)}, d), finite numbers"
        )
    return found


def _thing(run: Finished, source: Source) -> str | Image.Image:
    """Give what an encoder reads of a source."""
    content = run.loaded[source.part].content
    source = as_decoded(source, content)
    if isinstance(content, str):
        return content[slice(*source.chars)] if source.chars else content
    if isinstance(content, Picture):
        picture = Image.fromarray(content.pixels)
        return picture.crop(tuple(map(round, source.box))) if source.box else picture  # type: ignore[arg-type]
    assert isinstance(content, Film)  # noqa: S101 - sounds are not asked for
    middle = sum(source.time or (0.0, content.duration)) / 2
    return Image.fromarray(content.frames[np.abs(content.times + 0.5 / content.fps - middle).argmin()])


def _kept(
    statements: Sequence[np.ndarray] | np.ndarray, sources: Sequence[np.ndarray] | np.ndarray, threshold: float
) -> np.ndarray:
    """Give the cosines `[C, S]` that are at least the threshold and above 0; 0 for the rest."""
    if not len(statements) or not len(sources):
        return np.zeros((len(statements), len(sources)))
    one, other = np.stack(list(statements)), np.stack(list(sources))
    if one.shape[1] != other.shape[1]:
        raise SignalError(
            f"the encoder gives {one.shape[1]} numbers for a statement and {other.shape[1]} for a source: "
            "give one encoder of both kinds, or say by reads= what it reads"
        )
    cosines = _unit(one) @ _unit(other).T
    kept: np.ndarray = np.where(cosines >= threshold, cosines, 0).clip(min=0)
    return kept


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.where(lengths > 0, lengths, 1)
    return unit
