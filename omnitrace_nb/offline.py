"""Pages of one file that need no network, and run nothing but what the package has put into them.

A page's policy names each of its scripts and styles by its hash, so the browser refuses any other, whatever a text of a
trace may hold, and any request that leaves the page. Attributes `style="..."` have no hash: those of the HTML become
classes, and those that scripts set go through the style object, which the policy leaves to them.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE = """<!doctype html>
<html lang="en" class="{kind}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
{styles}
</head>
<body>
{body}
{data}
{scripts}
</body>
</html>
"""

# Libraries write whole style attributes, which the policy refuses.
_STYLED = """const set = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else set.call(this, name, value);
};"""
_ATTRIBUTE = re.compile(r' style="([^"]*)"')
_CLASS = "otr-own-"


def page(
    title: str,
    body: str,
    *,
    scripts: Sequence[str],
    styles: Sequence[str] = (),
    data: Mapping[str, object] | None = None,
    sources: Sequence[str] = (),
    kind: str = "",
) -> str:
    """Give a page.

    Args:
        title: as plain text.
        body: HTML whose texts are escaped; its style attributes become classes.
        scripts: modules, in order.
        styles: style sheets, in order.
        data: what scripts read, by the id of its element: a text as it is, anything else as JSON.
        sources: where else scripts may come from, such as "blob:".
        kind: classes of the page.
    """
    body, own = classed(body)
    scripts = [_inline(each) for each in (_STYLED, *scripts)]
    styles = [_inline(each) for each in (*styles, own) if each]
    policy = [
        "default-src 'none'",
        f"script-src {' '.join([*map(_hash, scripts), *sources])}",
        f"style-src {' '.join(map(_hash, styles))}",
        "img-src blob: data:",
        "media-src blob: data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return _PAGE.format(
        kind=html.escape(kind),
        policy=html.escape("; ".join(policy), quote=False),
        title=html.escape(title),
        styles="\n".join(f"<style>{each}</style>" for each in styles),
        body=body,
        data="\n".join(_element(name, each) for name, each in (data or {}).items()),
        scripts="\n".join(f'<script type="module">{each}</script>' for each in scripts),
    )


def classed(body: str) -> tuple[str, str]:
    r"""Give HTML with classes in place of its style attributes, and the style sheet of those classes.

    Its texts must be escaped: a quotation mark of a text is none of an attribute then.

    Example:
        >>> classed('<b style="color:red">a</b>')
        ('<b class="otr-own-0">a</b>', '.otr-own-0{color:red}')
    """
    found: dict[str, str] = {}

    def instead(attribute: re.Match[str]) -> str:
        name = found.setdefault(html.unescape(attribute[1]), f"{_CLASS}{len(found)}")
        return f' class="{name}"'

    body = _ATTRIBUTE.sub(instead, body)
    return body, "\n".join(f".{name}{{{style}}}" for style, name in found.items())


def as_data(value: object) -> str:
    """Give a value as JSON that no HTML can end early."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _element(name: str, value: object) -> str:
    kind, text = ("text/plain", _inline(value)) if isinstance(value, str) else ("application/json", as_data(value))
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _inline(text: str) -> str:
    """Escape what would end an element early, or begin a comment; in a script's strings that means the same."""
    return re.sub(r"</(script|style)", r"<\\/\1", text, flags=re.IGNORECASE).replace("<!--", "\\x3c!--")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
