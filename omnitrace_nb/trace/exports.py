"""What a trace is taken away as: its own file, JSON, a page, a picture, Markdown (docs/exports.md)."""

from __future__ import annotations

from os import PathLike
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from omnitrace_nb.arguments import NAMES, told
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.trace.pieces import Pieces
from omnitrace_nb.writing import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from omnitrace_nb.content.samples import Sample
    from omnitrace_nb.trace.result import Trace
    from omnitrace_nb.writing import Target

Content = TypeVar("Content", str, bytes)


class Exports(Pieces):
    """The forms of a trace that leave the notebook; each gives what it writes."""

    @overload
    def save(self, path: str | PathLike[str], *, embed_media: bool = False) -> Path: ...

    @overload
    def save(self, path: IO[bytes], *, embed_media: bool = False) -> None: ...

    @told(embed_media=bool)
    def save(self, path: Target, *, embed_media: bool = False) -> Path | None:
        """Write the trace to one file, whole or not at all; `ot.open` reads it, without a model.

        Args:
            path: where to; `.omnitrace` is added to a name without a suffix. Or a file that is open for writing bytes,
                such as `io.BytesIO()`.
            embed_media: keep the original pictures, sounds and films too, not only thumbnails and outlines.

        Returns:
            the path written; None for an open file.

        Raises:
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.trace.files import save  # noqa: PLC0415 (files knows Trace)

        return save(self._trace, path, embed_media=embed_media)

    def to_dict(self) -> dict[str, Any]:
        """Give the trace as plain values, without scores and media (docs/trace-file.md)."""
        from omnitrace_nb.trace.plain import to_dict  # noqa: PLC0415 (plain knows Trace)

        return to_dict(self._trace)

    @told(format=str, signal=str)
    def to_json(
        self,
        path: Target | None = None,
        format: Literal["omnitrace", "paper"] = "omnitrace",  # noqa: A002 (it reads best where it is called)
        *,
        signal: str | None = None,
        sample: Sample | Mapping[str, Any] | None = None,
    ) -> str:
        """Give the trace as JSON text; write it to `path` if given (docs/exports.md).

        Args:
            path: where to: a path, or a file that is open for writing.
            format: "omnitrace" for `to_dict()`, all tables; "paper" for the output file of the paper's own code.
            signal: of "paper": by which sources are selected; the first one if left out.
            sample: of "paper": the sample that was traced, whose `id`, `task`, `question`, ... are taken over.

        Raises:
            SettingsError: another format; a signal or sample where the format has no place for it.
            SignalError: a signal that the trace does not have.
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.trace.plain import as_json, to_dict  # noqa: PLC0415 (plain knows Trace)

        if format == "paper":
            from omnitrace_nb.trace.paper import to_paper  # noqa: PLC0415 (paper knows Trace)

            return _written(as_json(to_paper(self._trace, signal, sample)), path)
        if format != "omnitrace":
            raise SettingsError(f"format={format!r} is unknown; use 'omnitrace' or 'paper'.")
        if signal is not None or sample is not None:
            raise SettingsError("signal= and sample= belong to format='paper'; format='omnitrace' holds every signal.")
        return _written(as_json(to_dict(self._trace)), path)

    @told(signals=NAMES, signal=str, pinned=(int, str))
    def to_html(
        self,
        path: Target | None = None,
        *,
        signals: Sequence[str] | None = None,
        signal: str | None = None,
        pinned: int | str | None = None,
    ) -> str:
        """Give the linked view as one interactive page that needs no network; write it to `path` if given.

        Args:
            path: where to: a path, or a file that is open for writing.
            signals: those to choose from; all of the trace's if left out.
            signal: the one that the page opens with; the first one if left out.
            pinned: the number of the statement that the page opens with, or its text; None for none.

        Raises:
            SignalError: a signal that the trace, or the choice, does not have.
            SettingsError: a statement that there is none of.
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.view import page  # noqa: PLC0415 (a trace works where no widget does)

        return _written(page(self._trace, signals, signal=signal, pinned=pinned), path)

    @told(signal=str)
    def to_markdown(self, path: Target | None = None, *, signal: str | None = None) -> str:
        """Give the response, what each statement rests on, and the sources, as Markdown; write it to `path` if given.

        It is made for GitHub and reads well anywhere; text of the trace shows as it stands, never as markup.

        Args:
            path: where to: a path, or a file that is open for writing.
            signal: by which one; the first one if left out.

        Raises:
            SignalError: a signal that the trace does not have.
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.view import markdown  # noqa: PLC0415 (a trace works where no widget does)

        return _written(markdown(self._trace, signal), path)

    @told(statement=(int, str), signal=str, theme=str, width=int, scale=(int, float), font=(str, PathLike))
    def to_png(
        self,
        path: Target | None = None,
        *,
        statement: int | str | None = None,
        signal: str | None = None,
        theme: Literal["light", "dark"] = "light",
        width: int = 960,
        scale: float = 2,
        font: str | Path | None = None,
    ) -> bytes:
        """Give a figure of a statement, for slides and papers, as PNG; write it to `path` if given (docs/exports.md).

        It shows the statement, what it rests on with its numbers, and the parts of the prompt concerned: pictures and
        frames with heat, waveforms with seconds, sentences marked.

        Args:
            path: where to: a path, or a file that is open for writing.
            statement: its number, from 1, or its text; left out: the whole response, with the whole prompt.
            signal: by which one; the first one if left out.
            theme: "light" or "dark".
            width: of the figure, 360 to 2,400 CSS pixels; its height follows from what it shows.
            scale: pixels of the file to a CSS pixel, 0.5 to 4.
            font: a font file (.ttf, .otf, .ttc) to write with; what it lacks comes from DejaVu Sans.

        Raises:
            SettingsError: a statement that there is none of, another theme, or a size or font that cannot be used.
            SignalError: a signal that the trace does not have.
            TraceFileError: the file cannot be written.
        """
        from omnitrace_nb.view import png  # noqa: PLC0415 (a trace works where no widget does)

        made = png(self._trace, statement, signal=signal, theme=theme, width=width, scale=scale, font=font)
        return _written(made, path)

    @property
    def _trace(self) -> Trace:
        return cast("Trace", self)


def _written(content: Content, target: Target | None) -> Content:
    """Give a text or bytes, written to `target` if there is one; `TraceFileError` where that cannot be."""
    if target is not None:
        write(target, content)
    return content
