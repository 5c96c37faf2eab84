"""A source by itself: its words, its crop, its seconds; to be looked at, listened to, or worked on."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pictures

from omnitrace_nb.arguments import told
from omnitrace_nb.errors import MediaError, SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.trace import Trace
from omnitrace_nb.values import is_whole
from omnitrace_nb.view import drawing, shapes
from omnitrace_nb.view.words import clean

if TYPE_CHECKING:
    from PIL.Image import Image

    from omnitrace_nb.media.loaded import Sound
    from omnitrace_nb.trace.records import PartRecord, Source

MOST_FRAMES = 6
LONGEST = 4096  # pixels, of a thumbnail
HEIGHT = 120  # pixels, of frames in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Piece:
    """One source of a trace, with what it holds. A notebook shows it; `trace.source(3)` gives it.

    Attributes:
        record: the source.
        part: the part of the prompt that it is of.
        others: `float64 [k, 4]`, boxes in pixels of what lies in its box without being its (see `shapes`); shown faded.
    """

    record: Source
    part: PartRecord
    others: np.ndarray

    @classmethod
    @told(trace=Trace, which=(int, str))
    def of(cls, trace: Trace, which: int | str) -> Piece:
        """Find a source by its number or its label; the only one of a part or document also by the name of that.

        Raises:
            SettingsError: no such source, or a part or document of several.
        """
        sources, parts = trace.source_records, trace.parts
        found: list[Source] = []
        if isinstance(which, str) or is_whole(which):
            found = [each for each in sources if which in {each.id, each.label}][:1]
        if not found and isinstance(which, str):
            found = [each for each in sources if which in {each.document, each.title, parts[each.part].label}]
        if len(found) == 1:
            return cls(found[0], parts[found[0].part], shapes.others(trace.layout, found[0]))
        if found:
            raise SettingsError(
                f"{which!r} has {len(found)} sources, from {found[0].label!r} to {found[-1].label!r}: give one; "
                'to have it whole, trace.regroup({"text": "document"}).'
            )
        raise SettingsError(
            f"there is no source {quoted(which)}: give 0 to {len(sources) - 1}, or a label of trace.sources."
        )

    @property
    def text(self) -> str | None:
        """Its words: of text, and of speech where they are known."""
        if self.record.chars is None:
            return self.record.words or None
        return (self.part.text or "")[slice(*self.record.chars)]

    @cached_property
    def pictures(self) -> tuple[Image, ...]:
        """Its crop, of a picture; its frames, of a film; from the originals if the trace keeps them, else smaller."""
        if self.record.modality not in {"image", "video"}:
            return ()
        return tuple(self._crop(each) for each in (self._originals() or self._thumbnails()))

    @cached_property
    def sound(self) -> Sound | None:
        """Its seconds, of sound, if the trace keeps the original."""
        if self.record.modality != "audio" or self.part.media is None or self.record.time is None:
            return None
        content: Any = self._content
        heard = content.sound if self.part.kind == "video" else content
        if heard is None:
            return None
        start, end = self.record.time
        first, stop = (max(0, round((time - heard.start) * heard.sampling_rate)) for time in (start, end))
        return replace(heard, samples=heard.samples[first:stop], duration=end - start)

    def show(self) -> None:
        """Show it in the notebook, or print it where there is none."""
        from IPython.display import display  # noqa: PLC0415 (a trace works without notebooks)

        display(self)

    def __repr__(self) -> str:
        """Name it, with its words or its place."""
        said = f": {self.text!r}" if self.text else ""
        of = f" of {self.record.title!r}" if self.record.title else ""
        return f"<{self.record.label}{of}{said}{self._place()}>"

    def _repr_html_(self) -> str:
        shown = (
            ""
            if self.text is None
            else f'<div dir="auto" style="white-space:pre-wrap">{html.escape(clean(self.text))}</div>'
        )
        try:
            shown += self._media_html()
        except MediaError as error:
            shown += f"<div>its original cannot be read: {html.escape(clean(str(error)))}</div>"
        of = f" of {clean(self.record.title)}" if self.record.title else ""
        return f"<div><b>{html.escape(clean(self.record.label))}</b>{html.escape(of + self._place())}</div>{shown}"

    def _media_html(self) -> str:
        """Give its pictures, and its sound to be played."""
        shown = ""
        for picture in self.pictures[:: max(1, -(-len(self.pictures) // MOST_FRAMES))]:
            small = picture.copy()
            small.thumbnail((4 * HEIGHT, 2 * HEIGHT))
            shown += f'<img src="{drawing.data_uri(small)}" alt="" style="max-height:{HEIGHT}px;margin:2px 2px 0 0">'
        if self.sound is not None:
            from omnitrace_nb.media.encode import wav  # noqa: PLC0415 (encoding is wanted only here)

            data = base64.b64encode(wav(self.sound)).decode()
            shown += f'<div><audio controls src="data:audio/wav;base64,{data}"></audio></div>'
        elif self.record.modality == "audio":
            shown += "<div>not kept in this trace: nothing to play</div>"
        return shown

    def _place(self) -> str:
        box = self.record.box
        return "" if box is None else f" ({', '.join(f'{each:.0f}' for each in box)} px)"

    def _crop(self, picture: Image) -> Image:
        if self.record.box is None or not self.part.size:
            return picture
        scale = picture.width / self.part.size[0], picture.height / self.part.size[1]
        if len(self.others):
            picture = drawing.faded(picture, self.others * (*scale, *scale))
        left, top, right, bottom = (each * scale[at % 2] for at, each in enumerate(self.record.box))
        return picture.crop((int(left), int(top), max(int(left) + 1, round(right)), max(int(top) + 1, round(bottom))))

    def _originals(self) -> list[Image]:
        if self.part.media is None:
            return []
        content: Any = self._content
        if self.part.kind == "image":
            return [Pictures.fromarray(content.pixels)]
        return [Pictures.fromarray(content.frames[at]) for at in self._within(content.times + content.start)]

    def _thumbnails(self) -> list[Image]:
        kept = self.part.thumbnails
        if self.part.kind == "video":
            kept = tuple(kept[at] for at in self._within(np.asarray(self.part.thumbnail_times)))
        found = [drawing.opened(each, LONGEST) for each in kept]
        return [picture for picture in found if picture is not None]

    def _within(self, times: np.ndarray) -> list[int]:
        """Give the frames of its seconds; the last one before them where none begins in them."""
        start, end = self.record.time or (0.0, np.inf)
        inside = np.flatnonzero((times >= start - 1e-6) & (times < end))
        return inside.tolist() or [max(int(np.searchsorted(times, start, "right")) - 1, 0)] * bool(len(times))

    @cached_property
    def _content(self) -> Any:  # noqa: ANN401 - decoded media of the part's kind
        from omnitrace_nb.media import kept  # noqa: PLC0415 (decoding is wanted only here)

        return kept.content(self.part)
