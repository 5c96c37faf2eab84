"""The view as one page: the widget's own bundle, its state, and a host of a few lines; nothing is fetched."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnitrace_nb import offline
from omnitrace_nb.view import originals
from omnitrace_nb.view.fallback import static_form
from omnitrace_nb.view.selection import check_pinned, check_signal, pinned_sent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omnitrace_nb.view.viewmodel import ViewModel

MOST_MEDIA = 2_000_000  # bytes of originals in one page, all parts together
STATIC = Path(__file__).parent.parent / "static"


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
    packed = {name: encoded(each) for name, each in buffers.items()}
    body = f'<main id="omnitrace-root"><h1>{html.escape(title)}</h1></main>\n<noscript>{static}</noscript>'
    data = {
        "omnitrace-state": {"state": state, "buffers": packed},
        "omnitrace-media": media,
        "omnitrace-widget": _asset("widget.js"),
    }
    return offline.page(
        title,
        body,
        scripts=[_asset("host.js")],
        styles=[_asset("widget.css")],
        data=data,
        sources=["blob:"],  # the bundle unpacks itself
        kind="otr-page",
    )


def encoded(data: bytes) -> str:
    """Give bytes as `host.js` reads them."""
    return base64.b64encode(data).decode()


def _asset(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
