"""A comparison in forms that need no kernel: a table of what differs, disagreements first; the interactive page."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from html import escape
from typing import TYPE_CHECKING, Any

from PIL import Image

from omnitrace_nb.agreement import TOP
from omnitrace_nb.charts import drawings, frames
from omnitrace_nb.charts.frames import MEASURED
from omnitrace_nb.charts.showing import to_svg
from omnitrace_nb.view import originals
from omnitrace_nb.view.fallback import CARD, CHIP
from omnitrace_nb.view.plain import WIDTH
from omnitrace_nb.view.standalone import MOST_MEDIA, assembled, encoded
from omnitrace_nb.view.static_parts import INK, LINE, MUTED, PAPER, SMALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.view.sides import Row, Sides

MOST_SHOWN = 40  # statements in a static form
NO_STATEMENT = "No statement has numbers that can be compared."


def drawn(sides: Sides, statements: int | None = None) -> Any:  # noqa: ANN401 (an altair chart)
    """Draw the agreement of the columns: the altair chart that the view's own picture is.

    Args:
        sides: the columns.
        statements: at most so many, those on which they agree least.
    """
    table = sides.agreement_of_first
    kept = list(dict.fromkeys(table["statement"].tolist()))[:statements]
    frame = frames.agreement(sides.columns[0].trace, table[table["statement"].isin(kept)])
    names = [column.name for column in sides.columns]
    left_out = int(table["overlap"].notna().sum()) - len(frame.drop_duplicates(["statement", "pair"]))
    return drawings.agreement(frame, names, TOP, left_out=left_out) if len(frame) else drawings.nothing(NO_STATEMENT)


def drawn_agreement(sides: Sides) -> str:
    """Give that chart as SVG, each dot with an `aria-label` that begins with the number of its statement."""
    return to_svg(drawn(sides))


def text_comparison(sides: Sides) -> str:
    """Give what differs as plain text."""
    names = [column.name for column in sides.columns]
    lines = [f"Comparison of {', '.join(names)}: disagreements first"]
    for row in sides.rows[:MOST_SHOWN]:
        number = f"{row.ids[0] + 1:>3}  "
        lines += ["", *textwrap.wrap(row.text, WIDTH, initial_indent=number, subsequent_indent=" " * len(number))]
        lines.append(f"       {_numbers(row)}")
        if row.shared:
            lines.append(f"       shared: {'; '.join(row.shared)}")
        lines += [f"       {words}" for words in _alone(row, names)]
    lines += _rest(sides)
    return "\n".join([*lines, *(["", *sides.notes] if sides.notes else [])])


def static_comparison(sides: Sides) -> str:
    """Give what differs as HTML without script, which sanitisers of notebooks keep: a table and the chart."""
    names = [column.name for column in sides.columns]
    head = "".join(
        f'<th style="{_CELL};font-weight:600">{escape(text)}</th>' for text in ("statement", "shared", *names)
    )
    measures = " / ".join(MEASURED.values())
    rows = "".join(_tabled(row) for row in sides.rows[:MOST_SHOWN])
    notes = "".join(f'<p style="{SMALL}">{escape(note)}</p>' for note in [*_rest(sides), *sides.notes])
    return (
        f'<div style="{CARD}"><div style="{SMALL}">Comparison of <b>{escape(", ".join(names))}</b>, disagreements first'
        f" &middot; numbers: {escape(measures)}</div>"
        f'<table style="{_TABLE}"><tr>{head}</tr>{rows}</table>'
        f'<details><summary style="{SMALL};cursor:pointer">Agreement as a chart</summary>{_picture(sides)}</details>'
        f'{notes}<div style="{SMALL};margin-top:10px">Run the cell again for the linked, interactive view.</div></div>'
    )


def comparison_page(sides: Sides, state: Mapping[str, Any], buffers: Mapping[str, bytes]) -> str:
    """Give the interactive view as one page that needs no network."""
    media = {}
    room = MOST_MEDIA // len(sides.models)
    packs = [model.with_room(room) for model in sides.models]
    for at, model in enumerate(packs):
        for part in model.parts:
            if part.media:
                said, data = originals.answer(model, {"part": part.index})
                media[f"{at}/{part.index}"] = {**said, "trace": at, "data": [encoded(each) for each in data]}
    names = ", ".join(column.name for column in sides.columns)
    prompt = b"".join(model.prompt() for model in packs)
    return assembled(f"Comparison of {names}", static_comparison(sides), state, {**buffers, "prompt": prompt}, media)


_TABLE = f"border-collapse:collapse;margin:8px 0;background:{PAPER};color:{INK}"
_CELL = f"border-bottom:1px solid {LINE};padding:5px 10px 5px 0;text-align:left;vertical-align:top;font-size:13px"


def _tabled(row: Row) -> str:
    number = f'<span style="color:{MUTED};background:{PAPER}">{row.ids[0] + 1}</span>'
    said = f'<span dir="auto">{escape(row.text)}</span><br><span style="{SMALL}">{_numbers(row)}</span>'
    nowhere = f'<span style="{SMALL}">no such statement</span>'
    each = [_chips(labels) if own >= 0 else nowhere for own, labels in zip(row.ids, row.alone, strict=True)]
    cells = [f"{number}&ensp;{said}", _chips(row.shared), *each]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _chips(labels: Sequence[str]) -> str:
    return " ".join(f'<span style="{CHIP}">{escape(label)}</span>' for label in labels)


def _numbers(row: Row) -> str:
    return " / ".join("none" if math.isnan(number) else f"{number:.2f}" for number in row.numbers)


def _alone(row: Row, names: Sequence[str]) -> list[str]:
    return [
        f"{name}: {'; '.join(labels) if own >= 0 else 'no such statement'}"
        for name, own, labels in zip(names, row.ids, row.alone, strict=True)
        if labels or own < 0
    ]


def _rest(sides: Sides) -> list[str]:
    more = len(sides.rows) - MOST_SHOWN
    return [f"{more:,} statements on which they agree more are left out."] if more > 0 else []


def _picture(sides: Sides) -> str:
    data = drawn(sides, MOST_SHOWN).to_png()
    width = Image.open(io.BytesIO(data)).width // 2
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return f'<img src="{uri}" alt="How far the columns agree on each statement" style="width:{width}px;max-width:100%">'
