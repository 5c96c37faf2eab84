"""The charts themselves: small tables (`frames`) put into marks, in one style (`theme`)."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import TYPE_CHECKING, Any

import altair as alt

from omnitrace_nb.budget import PLACES
from omnitrace_nb.charts import theme
from omnitrace_nb.charts.frames import BETWEEN
from omnitrace_nb.charts.showing import offline
from omnitrace_nb.trace.tables import SOURCE_MODALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

MOST_TOGETHER = 4  # columns of which every pair is drawn; of more, each with the first
ROW = 21  # pixels of a line of text
WIDE = 560
NAMES = {"overlap": "Same sources selected", "top": "Same top {top}", "spearman": "Rank correlation"}
_PERCENT = alt.Axis(format=".0%", tickCount=5, grid=True)
_SHARE = alt.Tooltip("share:Q", format=".3f")


def titled(chart: Any, text: str, *under: str) -> Any:  # noqa: ANN401 (any of altair's charts)
    """Put a title above, and what must be known to read the chart beneath it."""
    return offline(chart.properties(title=alt.TitleParams(text, subtitle=[line for line in under if line])))


def matrix(frame: pd.DataFrame, signal: str) -> Any:  # noqa: ANN401 (as above)
    """Draw statements x sources."""
    many = frame["label"].nunique() > 24  # noqa: PLR2004 (columns that have room for numbers)
    step = 13 if many else 28
    strongest = max(float(frame["share"].max()), 1e-9)
    base = alt.Chart(frame).encode(
        x=alt.X("label:N", sort=None, title=None, axis=alt.Axis(labelAngle=-42, labelLimit=150, orient="top")),
        y=alt.Y("said:N", sort=None, title=None),
        tooltip=["said:N", "label:N", _SHARE, alt.Tooltip("rank:Q", title="rank (0: not selected)")],
    )
    cells = base.mark_rect(color=theme.ACCENT, cornerRadius=2).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, strongest], range=[0.04, 0.7]), legend=None)
    )
    chosen = base.transform_filter("datum.selected").mark_rect(
        fillOpacity=0, stroke=theme.INK, strokeWidth=1.4, strokeOpacity=0.8, cornerRadius=2
    )
    layers = [cells, chosen]
    if not many:
        layers.append(
            base.transform_filter("datum.share >= 0.1")
            .mark_text(fontSize=10, color=theme.INK)
            .encode(text=alt.Text("share:Q", format=".2f"), opacity=alt.value(1))
        )
    drawn = alt.layer(*layers).properties(width=alt.Step(step), height=alt.Step(ROW))
    return titled(
        drawn, f"Sources of each statement, {signal}", "Shade and number: share of the mass. Outlined: selected."
    )


def modalities(frame: pd.DataFrame, signal: str) -> Any:  # noqa: ANN401 (as above)
    """Draw each statement's evidence by modality."""
    there = [name for name in SOURCE_MODALITIES if name in set(frame["modality"])]
    ordered = frame.assign(order=frame["modality"].map({name: at for at, name in enumerate(there)}))
    base = alt.Chart(ordered).encode(
        x=alt.X("share:Q", stack="zero", title="share of the evidence", axis=_PERCENT),
        y=alt.Y("said:N", sort=None, title=None),
        order=alt.Order("order:Q"),
        tooltip=["said:N", "modality:N", _SHARE],
    )
    bars = base.mark_bar().encode(color=_coloured("modality", there))
    drawn = bars.properties(width=WIDE * 0.75, height=alt.Step(ROW))
    return titled(drawn, f"Evidence by modality, {signal}", "Sources alone: without question, template and response.")


def steps(frame: pd.DataFrame, statements: pd.DataFrame, signal: str) -> Any:  # noqa: ANN401 (as above)
    """Draw where the scores of each step went."""
    there = [place for place in PLACES if place in set(frame["place"])]
    bars = (
        alt.Chart(frame)
        .mark_bar(binSpacing=0)
        .encode(
            x=alt.X("start:Q", bin="binned", title="step", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1)),
            x2="stop:Q",
            y=alt.Y("share:Q", stack="zero", title="share of the scores", axis=alt.Axis(format=".0%", tickCount=5),
                    scale=alt.Scale(domain=[0, 1])),
            color=_coloured("place", there),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("start:Q", title="step"), "token:N", "place:N", _SHARE],
        )
    )  # fmt: skip
    drawn = alt.layer(bars, *_rules(statements)).properties(width=WIDE, height=190)
    return titled(drawn, f"Where each step looked, {signal}", _ruled(statements))


def confidence(frame: pd.DataFrame, statements: pd.DataFrame, signal: str) -> Any:  # noqa: ANN401 (as above)
    """Draw the confidence of each step in its source."""
    there = [place for place in PLACES if place in set(frame["modality"])]
    frame = frame.assign(middle=(frame["start"] + frame["stop"]) / 2)
    points = (
        alt.Chart(frame)
        .mark_point()
        .encode(
            x=alt.X("middle:Q", title="step", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("confidence:Q", title="confidence (mass of the source)", axis=alt.Axis(grid=True, tickCount=5)),
            color=_coloured("modality", there),
            shape=alt.Shape("modality:N", scale=alt.Scale(domain=there), legend=alt.Legend(title=None)),
            tooltip=[
                alt.Tooltip("start:Q", title="step"), "token:N", "label:N", alt.Tooltip("confidence:Q", format=".3g"),
            ],
        )
    )  # fmt: skip
    drawn = alt.layer(*_rules(statements), points).properties(width=WIDE, height=190)
    return titled(
        drawn, f"Confidence of each step, {signal}",
        "A point: the largest mass of a source; colour and shape: that source's modality.", _ruled(statements),
    )  # fmt: skip


def positions(frame: pd.DataFrame, signals: Sequence[str]) -> Any:  # noqa: ANN401 (as above)
    """Draw where in the prompt the credited sources lie, against uniform (the paper's Figure 3a)."""
    means = frame.groupby("signal", sort=False)["mean"].first().to_dict()
    named = {
        name: f"{name}: nothing selected" if math.isnan(means[name]) else f"{name}: mean {means[name]:.2f}"
        for name in signals
    }
    frame = frame.assign(named=frame["signal"].map(named))
    place = alt.X("start:Q", bin="binned", title="place in the prompt", scale=alt.Scale(domain=[0, 1], nice=False),
                  axis=alt.Axis(values=[0, 0.5, 1]))  # fmt: skip
    bars = (
        alt.Chart(frame)
        .mark_bar(color=theme.ACCENT, binSpacing=1)
        .encode(
            x=place,
            x2="stop:Q",
            y=alt.Y("share:Q", title="share of the credited sources", axis=alt.Axis(format=".0%", tickCount=4)),
            tooltip=["signal:N", alt.Tooltip("start:Q", format=".2f"), alt.Tooltip("stop:Q", format=".2f"), _SHARE],
        )
    )
    uniform = alt.Chart(frame).mark_rule(strokeDash=[4, 3], strokeWidth=1.4, opacity=0.9).encode(y="max(uniform):Q")
    width = WIDE if len(named) == 1 else max(150, (WIDE + 160) // len(named) - 20)
    drawn = alt.layer(bars, uniform).properties(width=width, height=150)
    if len(named) > 1:
        each = alt.Facet("named:N", sort=list(named.values()), title=None)
        drawn = drawn.facet(facet=each, columns=min(len(named), 4), spacing=22)
    alone = f" {named[signals[0]]}." if len(named) == 1 else ""
    under = f"0: its first position, 1: its last. Dashed: uniform, mean 0.50.{alone}"
    return titled(drawn, "Where in the prompt the credited sources lie", under)


def cost(frame: pd.DataFrame) -> Any:  # noqa: ANN401 (as above)
    """Draw what the signals took."""
    base = alt.Chart(frame).encode(
        x=alt.X("seconds:Q", title="seconds", axis=alt.Axis(grid=True, tickCount=5)),
        y=alt.Y("what:N", sort=None, title=None),
        tooltip=["what:N", alt.Tooltip("seconds:Q", format=".3f"), "forwards:Q", "backwards:Q", "tokens:Q"],
    )
    words = base.transform_calculate(said="format(datum.seconds, '.2f') + ' s, ' + datum.passes")
    numbers = words.mark_text(align="left", dx=6).encode(text="said:N")
    drawn = alt.layer(base.mark_bar(), numbers).properties(width=WIDE * 0.7, height=alt.Step(26))
    return titled(drawn, "Cost of the signals", "Signals that read the decode share its time.")


def agreement(frame: pd.DataFrame, names: Sequence[str], top: int, *, left_out: int = 0) -> Any:  # noqa: ANN401 (as above)
    """Draw how far columns agree on each statement; a click on a dot keeps its statement (parameter `statement`)."""
    headings = {key: name.format(top=top) for key, name in NAMES.items()}
    there = [key for key in NAMES if key in set(frame["measure"])]
    together = (BETWEEN.join(pair) for pair in itertools.combinations(names, 2))
    pairs = [pair for pair in together if pair in set(frame["pair"])]
    click = alt.selection_point(name="statement", fields=["statement"], on="click", empty=True)
    ordered = list(dict.fromkeys(frame["said"]))
    told = {"scale": alt.Scale(domain=pairs), "legend": alt.Legend(title=None, columns=3)}
    coloured = {**told, "scale": alt.Scale(domain=pairs, range=list(theme.SIDES[: len(pairs)]))}
    if len(pairs) == 1:
        told, coloured = {**told, "legend": None}, {**coloured, "legend": None}
    panels = []
    for measure in there:
        low = -1 if measure == "spearman" else 0
        ticks = alt.Axis(grid=True, values=[low, (low + 1) / 2, 1])
        rows = alt.Axis() if measure == there[0] else None
        dots = alt.Chart(frame[frame["measure"] == measure]).mark_point(size=56).encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[low, 1]), axis=ticks),
            y=alt.Y("said:N", title=None, scale=alt.Scale(domain=ordered), axis=rows),
            color=alt.Color("pair:N", **coloured),
            shape=alt.Shape("pair:N", **told),
            opacity=alt.condition(click, alt.value(1), alt.value(0.25)),
            tooltip=["said:N", "pair:N", "measure:N", alt.Tooltip("value:Q", format=".2f")],
            description="words:N",
        )  # fmt: skip
        if len(pairs) > 1:
            dots = dots.encode(yOffset=alt.YOffset("pair:N", scale=alt.Scale(domain=pairs)))
        heading = alt.TitleParams(headings[measure], fontSize=11, fontWeight=500, anchor="middle", offset=6)
        tall = ROW if len(pairs) == 1 else 10 * len(pairs) + 8
        panels.append(dots.properties(width=140, height=alt.Step(tall, **{"for": "position"}), title=heading))
    with warnings.catch_warnings():
        # One selection shared by the panels is what is meant here.
        warnings.filterwarnings("ignore", message="Automatically deduplicated")
        drawn = alt.hconcat(*panels, spacing=26).resolve_scale(color="shared", shape="shared").add_params(click)
    more = f"{left_out:,} rows that agree more are left out." if left_out else ""
    # Of many, each pair is one with the first.
    compared = ", ".join(names) if len(names) <= MOST_TOGETHER else f"{len(names) - 1} signals with {names[0]}"
    return titled(drawn, f"Agreement of {compared}", "Disagreements first; 1 is full agreement.", more)


def nothing(why: str) -> Any:  # noqa: ANN401 (as above)
    """Draw words in place of a chart that would be empty."""
    import pandas as pd  # noqa: PLC0415 (the only one made here)

    words = (
        alt.Chart(pd.DataFrame({"why": [why]}))
        .mark_text(align="left", fontSize=12)
        .encode(text="why:N", x=alt.value(0))
    )
    return titled(words.properties(width=WIDE, height=30), "Nothing to draw")


def _coloured(field: str, there: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(there), range=[theme.PLACES[name] for name in there])
    return alt.Color(f"{field}:N", scale=scale, legend=alt.Legend(title=None))


def _rules(statements: pd.DataFrame) -> list[alt.Chart]:
    if not len(statements):
        return []
    rules = alt.Chart(statements).mark_rule(strokeWidth=1, opacity=0.28)
    return [rules.encode(x="start:Q", tooltip=["said:N"])]


def _ruled(statements: pd.DataFrame) -> str:
    return "Lines: where statements begin." if len(statements) else ""
