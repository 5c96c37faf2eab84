"""Words set into lines: wrapped to a width, cut where they are many, drawn from the left or the right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import ImageFont

from omnitrace_nb.view.figure import bidi

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from omnitrace_nb.view.figure.fonts import Fonts

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
LONGEST = 20_000  # characters that are looked at, far more than any figure shows
# Words with the spaces after them; scripts that write no spaces may break after every sign.
WORDS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]\s*|[^\s\u2e80-\u9fff\uac00-\ud7af]+\s*|\s+")
# Marks of direction and other signs that are not seen; joiners stay, for the scripts that need them.
UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufe00-\ufe0f]")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text of one look: its ink, what is behind it, and whether it is bold."""

    text: str
    ink: str = ""
    fill: str = ""
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Letters:
    """Letters of one font and look, at a place in their line (pixels)."""

    text: str
    font: FreeTypeFont
    span: Span
    left: float
    width: float
    rtl: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its letters from left to right, and its width (pixels)."""

    letters: tuple[Letters, ...]
    width: float
    rtl: bool


@dataclass
class Lettering:
    """Sets text; sizes and widths are in pixels of the picture."""

    fonts: Fonts
    _widths: dict[tuple[str, int, bool], float] = field(default_factory=dict)

    def lines(self, spans: Sequence[Span], size: int, width: float, most: int = 1000) -> list[Line]:
        """Set text into at most `most` lines no wider than `width`; a cut ends in an ellipsis."""
        spans = _seen(spans)
        rtl = bidi.from_right("".join(span.text for span in spans))
        lines: list[list[Span]] = []
        for line in self._wrapped(spans, size, width):
            if len(lines) == most:
                lines[-1] = self._cut([*lines[-1], *line], size, width)
                break
            lines.append(line)
        return [self._line(line, size, rtl=rtl) for line in lines]

    def line(self, text: str | Sequence[Span], size: int, width: float = 1e9) -> Line:
        """Set one line, cut with an ellipsis if it is too wide."""
        spans = [Span(" ".join(text[:LONGEST].split()))] if isinstance(text, str) else list(text)
        found = self.lines(spans, size, width, most=1)
        return found[0] if found else Line((), 0.0, rtl=False)

    def _wrapped(self, spans: Sequence[Span], size: int, width: float) -> Iterator[list[Span]]:
        line: list[Span] = []
        used = 0.0
        for span in spans:
            for paragraph, text in enumerate(span.text.split("\n")):
                if paragraph:
                    yield [*line, Span(" ")]  # what a cut would join stays apart
                    line, used = [], 0.0
                for word in WORDS.findall(text):
                    for piece in self._broken(word, span, size, width):
                        wide = self._width(piece.rstrip(), size, bold=span.bold)
                        if line and used + wide > width:
                            yield line
                            line, used = [], 0.0
                        if line or piece.strip():
                            line.append(Span(piece, span.ink, span.fill, span.bold))
                            used += self._width(piece, size, bold=span.bold)
        if line:
            yield line

    def _broken(self, word: str, span: Span, size: int, width: float) -> list[str]:
        """Give a word whole, or in pieces that fit where no line could hold it."""
        if self._width(word.rstrip(), size, bold=span.bold) <= width:
            return [word]
        usual = max(1, int(width / (size * 0.7)))
        pieces = []
        while word:
            count = min(usual, len(word))
            while count > 1 and self._width(word[:count].rstrip(), size, bold=span.bold) > width:
                count -= 1
            pieces.append(word[:count])
            word = word[count:]
        return pieces

    def _cut(self, line: list[Span], size: int, width: float) -> list[Span]:
        """End a line in an ellipsis."""
        dots = self._width(ELLIPSIS, size, bold=False)
        used = sum(self._width(span.text, size, bold=span.bold) for span in line)
        while line and used + dots > width:
            last = line.pop()
            used -= self._width(last.text, size, bold=last.bold)
            if used + dots < width and len(last.text) > 1:
                line.append(Span(last.text[:-1], last.ink, last.fill, last.bold))
                used += self._width(line[-1].text, size, bold=last.bold)
        look = line[-1] if line else Span("")
        kept = [*line[:-1], Span(look.text.rstrip(), look.ink, look.fill, look.bold)]
        return [*kept, Span(ELLIPSIS, look.ink, look.fill)]

    def _width(self, text: str, size: int, *, bold: bool) -> float:
        key = text, size, bold
        if key not in self._widths:
            self._widths[key] = sum(font.getlength(own) for own, font in self.fonts.runs(text, size, bold=bold))
        return self._widths[key]

    def _line(self, spans: list[Span], size: int, *, rtl: bool) -> Line:
        looks = [index for index, span in enumerate(spans) for _ in span.text]
        text = "".join(span.text for span in spans)
        kept = len(text.rstrip())
        text, looks = text[:kept], looks[:kept]
        letters: list[Letters] = []
        left = 0.0
        for start, end, from_right in bidi.order(text, rtl=rtl):
            for own, font, span in self._pieces(text[start:end], looks[start:end], spans, size, reverse=from_right):
                wide = font.getlength(own)
                letters.append(Letters(own, font, span, left, wide, from_right))
                left += wide
        return Line(tuple(letters), left, rtl)

    def _pieces(
        self, text: str, looks: list[int], spans: list[Span], size: int, *, reverse: bool
    ) -> list[tuple[str, FreeTypeFont, Span]]:
        """Cut a run of one direction where its look or its font changes, in the order of drawing."""
        found = []
        at = 0
        for look, group in groupby(looks, key=lambda index: (spans[index].ink, spans[index].fill, spans[index].bold)):
            count = len(list(group))
            span = Span("", *look)
            found += [(own, font, span) for own, font in self.fonts.runs(text[at : at + count], size, bold=span.bold)]
            at += count
        return found[::-1] if reverse else found


def write(draw: ImageDraw.ImageDraw, line: Line, left: float, base: float, ink: str) -> None:
    """Draw a line from `left`, on its base line."""
    for each in line.letters:
        shaped = each.font.layout_engine == ImageFont.Layout.RAQM
        text = bidi.mirrored(each.text) if each.rtl and not shaped else each.text
        direction = ("rtl" if each.rtl else "ltr") if shaped else None
        at = (left + each.left, base)
        draw.text(at, text, font=each.font, fill=each.span.ink or ink, anchor="ls", direction=direction)


def fills(line: Line) -> list[tuple[float, float, str]]:
    """Give what lies behind a line's letters: left, right, colour; touching pieces of one colour as one."""
    found: list[tuple[float, float, str]] = []
    for each in line.letters:
        if not each.span.fill:
            continue
        start, end = each.left, each.left + each.width
        if found and found[-1][2] == each.span.fill and abs(found[-1][1] - start) < 1:
            start, _, _ = found.pop()
        found.append((start, end, each.span.fill))
    return found


def _seen(spans: Sequence[Span]) -> list[Span]:
    room, kept = LONGEST, []
    for span in spans:
        text = UNSEEN.sub("", span.text.replace("\t", "    "))[:room]
        room -= len(text)
        if text:
            kept.append(Span(text, span.ink, span.fill, span.bold))
    return kept
