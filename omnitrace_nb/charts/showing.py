"""Charts that draw without a network, wherever a notebook shows them: still altair charts in every other respect.

Altair's own renderers fetch scripts from the network or emit a specification that no notebook registers. A chart here
shows itself by three forms at once, of which a host takes the one that it can draw: a Vega-Lite 5 specification, which
JupyterLab and its kin draw themselves; a PNG, for `nbconvert`, GitHub and notebooks of others; and a line of text.
No renderer, theme or data transformer of altair's is changed.
"""

from __future__ import annotations

import io
import re
from typing import Any

import altair as alt
from PIL import Image

from omnitrace_nb.arguments import told
from omnitrace_nb.charts import saving, theme
from omnitrace_nb.writing import write

VEGA_LITE = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # a name: nobody fetches it
SCALE = 2  # pixels of the picture for each of the chart's
_COLOURS = 160
# What XML cannot hold. A model may write it, and vl-convert ends the whole process over one of them.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEYOND = re.compile("[\U00010000-\U0010ffff]")  # characters that JavaScript holds in two halves
_DRAWN_BY = "5.8"  # the oldest Vega-Lite that vl-convert has: what it draws, notebooks draw


class Offline:
    """What is added to altair's classes of charts; `offline` makes them."""

    def to_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 (altair's own arguments)
        """Give the specification as altair does, in the package's style where the chart does not say otherwise."""
        spec: dict[str, Any] = super().to_dict(*args, **kwargs)  # type: ignore[misc]
        inner = not (kwargs.get("context") or {}).get("top_level", True)
        if inner or kwargs.get("format", "vega-lite") != "vega-lite":
            return spec
        own = getattr(self, "config", alt.Undefined)
        own = own.to_dict() if isinstance(own, alt.SchemaBase) else own
        style = [spec.get("config", {}), theme.CONFIG, {} if own is alt.Undefined else own]
        config: dict[str, Any] = {}
        for each in style:
            config = _over(config, each)
        return {**_drawable(spec), "config": config}

    def to_png(self, scale: float = SCALE) -> bytes:
        """Give the chart as a picture, dark on white."""
        return _png(_specification(self), scale)

    def to_html(self, *_: object, **options: Any) -> str:  # noqa: ANN401 (altair's own arguments)
        """Give the chart as one page that needs no network and runs none of its texts, with tooltips.

        Args:
            options: altair's. `embed_options` are taken; with `fullhtml=False` it is a picture (SVG) for a page of
                yours. What says where scripts are fetched from has no meaning here: none are.
        """
        if not options.get("fullhtml", True):
            return to_svg(self)
        return saving.page(_specification(self, alt.SCHEMA_URL), _title(self), options.get("embed_options"))

    def save(self, fp: Any, format: Any = None, *args: Any, **options: Any) -> None:  # noqa: A002, ANN401 (altair's)
        """Save the chart, whole or not at all: as a page (see `to_html`), or as altair's other formats.

        Args:
            fp: a path, or a file that is open for writing.
            format: "html", "json", "png", "svg", "pdf" or "vega"; left out: what the path ends in.
            args: altair's.
            options: altair's.

        Raises:
            SettingsError: another format.
            TraceFileError: the file cannot be written.
        """
        kind = saving.format_of(fp, format)
        if kind == "html":
            write(fp, self.to_html(embed_options=options.get("embed_options")))
            return
        held = saving.buffer(kind)
        super().save(held, kind, *args, **options)  # type: ignore[misc]
        write(fp, held.getvalue())

    def __or__(self, other: Any) -> Any:  # noqa: ANN401 (another chart)
        """Put two charts side by side."""
        return offline(super().__or__(other))  # type: ignore[misc]

    def __and__(self, other: Any) -> Any:  # noqa: ANN401 (another chart)
        """Put one chart above another."""
        return offline(super().__and__(other))  # type: ignore[misc]

    def __add__(self, other: Any) -> Any:  # noqa: ANN401 (another chart)
        """Lay one chart on another."""
        return offline(super().__add__(other))  # type: ignore[misc]

    def facet(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (altair's own arguments)
        """Give small multiples, as altair does."""
        return offline(super().facet(*args, **kwargs))  # type: ignore[misc]

    def repeat(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (altair's own arguments)
        """Give repeated charts, as altair does."""
        return offline(super().repeat(*args, **kwargs))  # type: ignore[misc]

    def __repr__(self) -> str:
        """Say what is drawn: altair's own would print the whole specification."""
        return f"<{_kind(self).__name__}: {_title(self)}>"

    def _repr_mimebundle_(self, *_: object, **__: object) -> tuple[dict[str, Any], dict[str, Any]]:
        spec = _specification(self)
        picture = _png(spec, SCALE)
        width, height = (int.from_bytes(picture[at : at + 4], "big") // SCALE for at in (16, 20))
        data = {VEGA_LITE: spec, "image/png": picture, "text/plain": repr(self)}
        return data, {"image/png": {"width": width, "height": height}}


_KINDS = (
    *(alt.Chart, alt.LayerChart, alt.HConcatChart, alt.VConcatChart, alt.ConcatChart, alt.FacetChart),
    alt.RepeatChart,
)


@told(chart=_KINDS)
def offline(chart: Any) -> Any:  # noqa: ANN401 (any of altair's charts, and the same kind back)
    """Make an altair chart one that draws without a network.

    Args:
        chart: any chart of altair's, for example one made of several by `alt.hconcat`.

    Returns:
        a copy that is an instance of the same class of altair's.
    """
    copied = chart.copy(deep=False)
    object.__setattr__(copied, "__class__", _CLASSES[_kind(chart)])
    return copied


def _kind(chart: object) -> type:
    return next(each for each in type(chart).__mro__ if each in _CLASSES)


_CLASSES: dict[type, type] = {each: type(each.__name__, (Offline, each), {"__doc__": each.__doc__}) for each in _KINDS}


def _specification(chart: Any, schema: str = SCHEMA) -> dict[str, Any]:  # noqa: ANN401 (an Offline)
    """Give the specification for a notebook's own renderer, with its data in it, whatever transformer is in use."""
    with alt.data_transformers.enable("default", max_rows=None):
        spec = chart.to_dict()
    # As SVG, so that text takes the page's colour; the menu would open pages elsewhere.
    return {**spec, "$schema": schema, "usermeta": {"embedOptions": {"renderer": "svg", "actions": False}}}


def _png(spec: dict[str, Any], scale: float) -> bytes:
    picture: bytes = _converted("vegalite_to_png", theme.printed(spec), scale=scale)
    drawn = Image.open(io.BytesIO(picture)).convert("RGB")
    # A chart has few colours: with a palette it takes a tenth of the room in a notebook.
    small = io.BytesIO()
    drawn.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def to_svg(chart: Any) -> str:  # noqa: ANN401 (an Offline)
    """Give the chart as SVG whose text has the colour of the page around it."""
    return _converted("vegalite_to_svg", _specification(chart))


def _converted(how: str, spec: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401 (a picture's bytes or text)
    import vl_convert  # noqa: PLC0415 (30 MB that only pictures need)

    convert = getattr(vl_convert, how)
    try:
        return convert(spec, vl_version=_DRAWN_BY, **options)
    except ValueError:
        # Vega cuts a label that is too long between the two halves of an emoji, say, and the converter breaks on it.
        return convert(_drawable(spec, _BEYOND), vl_version=_DRAWN_BY, **options)


def _drawable(value: Any, without: re.Pattern[str] = _NO_XML) -> Any:  # noqa: ANN401 (whatever a specification holds)
    """Give a specification without some characters: left out, those that no SVG can hold."""
    if isinstance(value, str):
        return without.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_drawable(key, without): _drawable(each, without) for key, each in value.items()}
    return [_drawable(each, without) for each in value] if isinstance(value, list) else value


def _over(under: dict[str, Any], over: Any) -> dict[str, Any]:  # noqa: ANN401 (a mapping)
    """Give nested mappings, the second's values over the first's."""
    merged = dict(under)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _over(merged[key], value) if nested else value
    return merged


def _title(chart: Any) -> str:  # noqa: ANN401 (an Offline)
    title = getattr(chart, "title", alt.Undefined)
    text = getattr(title, "text", title)
    if text is not alt.Undefined and text:
        return str(text)
    for name in ("hconcat", "vconcat", "concat", "layer"):
        if hasattr(chart, name) and getattr(chart, name) is not alt.Undefined:
            return " | ".join(map(_title, getattr(chart, name)))
    return "chart"
