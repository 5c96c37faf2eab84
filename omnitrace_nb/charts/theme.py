"""One calm style for all charts: the view's accent, colours of modalities that all kinds of vision tell apart.

Text takes the colour of whatever page the chart stands on (`currentColor`), and the background is left to it, so that
one chart is legible in light and dark. Colours of marks are of middle lightness: 3:1 or more on white and on the dark
of notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCENT = "#2c88bf"
NEUTRAL = "#7d858f"
INK = "currentColor"
PAPER, PRINTED = "#ffffff", "#1f2328"  # of pictures, which cannot take a page's colours

# Okabe and Ito's palette, as far as it has middle lightness; what is no evidence is grey.
PLACES: Mapping[str, str] = {
    "text": "#0072b2",
    "image": "#009e73",
    "audio": "#cc79a7",
    "video": "#d55e00",
    "question": "#6d7680",
    "template": "rgba(125, 133, 143, 0.62)",
    "response": "rgba(125, 133, 143, 0.24)",
    "others": "#8a919a",
}
SIDES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7d858f", "#b8860b")

_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": 500}
_MUTED = 0.78

CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    "font": "Inter, system-ui, sans-serif",
    "padding": 6,
    "view": {"stroke": None, "continuousWidth": 420, "continuousHeight": 180},
    "title": {
        "color": INK, "subtitleColor": INK, "fontSize": 13, "fontWeight": 600, "subtitleFontSize": 11,
        "anchor": "start", "frame": "group", "offset": 12, "subtitlePadding": 4,
    },
    "axis": {
        **_TEXT, "labelOpacity": _MUTED, "titleOpacity": _MUTED, "grid": False, "gridColor": NEUTRAL,
        "gridOpacity": 0.25, "domain": False, "ticks": False, "labelPadding": 6, "titlePadding": 8, "labelLimit": 290,
    },
    "legend": {
        **_TEXT, "labelLimit": 240, "symbolSize": 70, "symbolStrokeWidth": 0, "orient": "top",
        "direction": "horizontal", "title": None, "columnPadding": 14, "offset": 8,
    },
    "header": {**_TEXT, "labelFontSize": 11.5, "labelFontWeight": 500, "labelOpacity": 1, "titleOpacity": _MUTED},
    "text": {"color": INK, "fontSize": 10.5},
    "rule": {"color": INK, "opacity": 0.5},
    "bar": {"color": ACCENT, "discreteBandSize": {"band": 0.72}},
    "point": {"color": ACCENT, "filled": True, "size": 42, "opacity": 1},
    "range": {"category": list(SIDES), "heatmap": [ACCENT]},
}  # fmt: skip


def printed(spec: dict[str, Any]) -> dict[str, Any]:
    """Give a specification for a picture of its own: dark on paper, whatever page it will lie on."""

    def darkened(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
        if isinstance(value, dict):
            return {key: darkened(each) for key, each in value.items()}
        if isinstance(value, list):
            return [darkened(each) for each in value]
        return PRINTED if value == INK else value

    made: dict[str, Any] = {key: value if key == "datasets" else darkened(value) for key, value in spec.items()}
    made["config"]["background"] = PAPER
    made["config"]["padding"] = 14
    return made
