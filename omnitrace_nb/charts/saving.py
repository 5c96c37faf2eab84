"""Charts as files: a page that draws without a network and runs nothing of the chart's own texts, and pictures."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt

from omnitrace_nb import offline
from omnitrace_nb.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMATS = ("html", "json", "png", "svg", "pdf", "vega")

# The expressions of a specification are interpreted, not made into scripts, which the page's policy would refuse.
_OPTIONS: Mapping[str, Any] = {
    "mode": "vega-lite",
    "renderer": "svg",
    "actions": False,
    "ast": True,
    "defaultStyle": False,
    "tooltip": {"disableDefaultStyle": True},
}
_DRAW = """
const read = (id) => JSON.parse(document.getElementById(id).textContent);
vegaEmbed("#omnitrace-chart", read("omnitrace-spec"), read("omnitrace-options")).then(({ view }) => {
  Object.assign(globalThis, { omnitrace: view });
}, (error) => {
  document.getElementById("omnitrace-chart").textContent = `The chart cannot be drawn: ${error.message}`;
});"""
_STYLE = """:root{color-scheme:light dark;font-family:system-ui,sans-serif}
body{margin:1.5rem;background:Canvas;color:CanvasText}
#vg-tooltip-element{visibility:hidden;position:fixed;z-index:1000;padding:6px 9px;border:1px solid GrayText;
border-radius:4px;background:Canvas;color:CanvasText;font-size:12px;box-shadow:2px 2px 4px rgba(0,0,0,.15)}
#vg-tooltip-element.visible{visibility:visible}
#vg-tooltip-element td{padding:1px 3px;vertical-align:top}
#vg-tooltip-element td.key{text-align:right;color:GrayText;max-width:150px}
#vg-tooltip-element td.value{text-align:left;max-width:300px;overflow-wrap:anywhere}"""


def page(spec: Mapping[str, Any], title: str, options: Mapping[str, Any] | None = None) -> str:
    """Give a specification of altair's Vega-Lite as one page.

    Args:
        spec: the specification, with its data.
        title: the page's.
        options: of vega-embed, over the page's own.
    """
    chosen = {**_OPTIONS, **(options or {}), "ast": True, "defaultStyle": False, "tooltip": _OPTIONS["tooltip"]}
    drawn = {name: each for name, each in spec.items() if name != "usermeta"}
    return offline.page(
        title,
        '<main id="omnitrace-chart"></main>',
        scripts=[_bundle()],
        styles=[_STYLE],
        data={"omnitrace-spec": drawn, "omnitrace-options": chosen},
    )


@cache
def _bundle() -> str:
    """Give vega-embed with all it needs and the lines that draw, as one script: 0.9 MB."""
    import vl_convert  # noqa: PLC0415 (30 MB that only pictures and pages need)

    known = vl_convert.get_vegalite_versions()
    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])  # "v6.1.0" is called 6.1 there
    bundle: str = vl_convert.javascript_bundle(_DRAW, vl_version=wanted if wanted in known else known[-1])
    return bundle


def format_of(target: object, asked: object) -> str:
    """Give the format that a chart is saved in: the one asked for, or what the file's name ends in.

    Raises:
        SettingsError: neither says one of `FORMATS`.
    """
    named = Path(target).suffix[1:].lower() if asked is None and isinstance(target, (str, Path)) else asked
    if named in FORMATS:
        return str(named)
    raise SettingsError(
        f"a chart cannot be saved as {named!r:.40}: give format= one of {', '.join(map(repr, FORMATS))}, or a file "
        "whose name ends in one."
    )


def buffer(kind: str) -> Any:  # noqa: ANN401 (of text or bytes)
    """Give what altair writes a format into."""
    return io.BytesIO() if kind in {"png", "pdf"} else io.StringIO()
