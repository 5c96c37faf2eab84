"""The view as one page: the widget's own bundle, its state, and a host of a few lines; nothing is fetched."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnitrace_nb.view import originals
from omnitrace_nb.view.fallback import static_form
from omnitrace_nb.view.selection import check_pinned, check_signal, pinned_sent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omnitrace_nb.view.viewmodel import ViewModel

MOST_MEDIA = 2_000_000  # bytes of originals in one page, all parts together
STATIC = Path(__file__).parent.parent / "static"

# The browser itself refuses any request that leaves the page.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src blob: data:; media-src blob: data:"
)

PAGE = """<!doctype html>
<html lang="en" class="otr-page">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main id="omnitrace-root"><h1>{title}</h1></main>
<noscript>{static}</noscript>
<script type="application/json" id="omnitrace-state">{state}</script>
<script type="application/json" id="omnitrace-media">{media}</script>
<script type="text/plain" id="omnitrace-widget">{widget}</script>
<script type="module">{host}</script>
</body>
</html>
"""


def interactive_page(model: ViewModel, *, signal: str | None = None, pinned: int | str | None = None) -> str:
    """Give the page; it opens with a signal, the first one if left out, and with a statement pinned."""
    model = model.with_room(MOST_MEDIA)
    first = check_signal(signal, model) if signal is not None else next(iter(model.signals), "")
    sent = pinned_sent(check_pinned(pinned, model))
    state = {"signal": first, "pinned": sent, "selection": None, "settings": model.settings, "error": ""}
    buffers = {"prompt": model.prompt(), "response": model.response()}
    media = {}
    for part in model.parts:
        if part.media:
            said, data = originals.answer(model, {"part": part.index})
            media[part.index] = {**said, "data": [encoded(each) for each in data]}
    static = static_form(model, model.signals.index(first) if model.signals else 0)
    return assembled(f"Trace of {model.model}", static, state, buffers, media)


def assembled(
    title: str, static: str, state: Mapping[str, Any], buffers: Mapping[str, bytes], media: Mapping[Any, Any]
) -> str:
    """Give a page of the widget's bundle with the state of a view: its plain traits, those of bytes, its originals."""
    packed = {name: encoded(data) for name, data in buffers.items()}
    return PAGE.format(
        policy=html.escape(POLICY),
        title=html.escape(title),
        css=_asset("widget.css"),
        static=static,
        state=_json({"state": state, "buffers": packed}),
        media=_json(media),
        widget=_asset("widget.js"),
        host=_asset("host.js"),
    )


def encoded(data: bytes) -> str:
    """Give bytes as `host.js` reads them."""
    return base64.b64encode(data).decode()


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    """Read a built file; what would end its element early is escaped, which in the bundle's strings means the same."""
    return re.sub(r"</(script|style)", r"<\\/\1", (STATIC / name).read_text(encoding="utf-8"), flags=re.IGNORECASE)
