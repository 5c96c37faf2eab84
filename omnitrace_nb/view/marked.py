r"""The view as Markdown: the response with numbers, beneath it what each statement rests on, and the table of sources.

Plain GitHub Flavored Markdown. Whatever stands in a text shows as it stands there: no markup, formula, mention or link
is made of it (`shown`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from omnitrace_nb.view.words import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.view.records import Evidence, ViewSource
    from omnitrace_nb.view.viewmodel import ViewModel

MOST_STATEMENTS = 500
MOST_SOURCES = 500
MOST_EVIDENCE = 20  # of one statement
LONGEST_RESPONSE = 60_000  # characters
LONGEST_STATEMENT = 400  # where it stands as the heading of its evidence
BREAK = "\\"  # at a line's end
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

# What Markdown, GitHub's extensions and its mentions make something of. A backslash does for marks, an entity for what
# is looked for in the source; what is looked for in the finished text too is also kept from its neighbours by a tag.
_MARKUP = re.compile(
    r"(?P<backslash>[\\`*_~\[\]|])|(?P<entity>[&<>]|(?<=:)/(?=/)|(?<=www)\.|(?<=mailto):|(?<=xmpp):)"
    r"|(?P<apart>[@$]|\#(?=\d)|:(?=[\w+-]+:))",
    re.IGNORECASE,
)
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLOCK = re.compile(r"^([#+\-=:]|\d{1,9}(?=[.)]))")  # what begins a block at the start of a line


def markdown_text(model: ViewModel, signal: int = 0) -> str:
    """Give the Markdown, by the signal of that index."""
    by = f" by **{shown(model.signals[signal])}**" if model.signals else ""
    counted = f"{_count(len(model.statements), 'statement')} from {_count(len(model.sources), 'source')}{by}."
    lines = [f"# Trace of {shown(model.model)}", "", counted, "", "## Response", "", *_response(model)]
    if model.statements:
        lines += ["", "## What each statement rests on", "", *_statements(model, signal)]
    if model.sources:
        lines += ["", "## Sources", "", *_sources(model, signal)]
    notes = [f"- {shown(note)}" for note in model.notes_of(signal)]
    return "\n".join([*lines, *(["", "## Notes", "", *notes] if notes else []), ""])


def shown(text: str) -> str:
    r"""Write a text of one line so that it shows as it is.

    Example:
        >>> shown("- 2 * <b>3</b>")
        '\\- 2 \\* &lt;b&gt;3&lt;/b&gt;'
    """
    written = " ".join(text.split())
    written = _MARKUP.sub(_instead, written)
    return _BLOCK.sub(lambda first: first[0] + "\\" if first[0].isdigit() else "\\" + first[0], written)


def _instead(found: re.Match[str]) -> str:
    each = found[0]
    if found["backslash"]:
        return f"\\{each}"
    entity = _NAMED.get(each, f"&#{ord(each)};")
    return f"<span>{entity}</span>" if found["apart"] else entity


def _response(model: ViewModel) -> Iterator[str]:
    """Give the response as a quotation, line by line, with the number of each statement behind it."""
    text = model.said.text
    if model.said.begun:
        yield from (f"> {shown(line)}".rstrip() for line in f"(given) {_cut(model.said.begun)}".split("\n"))
        yield ">"
    if not text.strip():
        yield "The response is empty."
        return
    pieces, at = [], 0
    for statement in model.statements:
        end = statement.chars[1]
        if end > LONGEST_RESPONSE:
            break
        pieces += [(text[at:end], statement.id + 1)]
        at = end
    pieces.append((text[at : max(at, min(len(text), LONGEST_RESPONSE))], 0))
    marked = "".join(piece + (f"{_MARK}{number}{_MARK}" if number else "") for piece, number in pieces)
    written = [_NUMBER.sub(r" \\[\1\\]", shown(line)) for line in marked.split("\n")]
    for line, below in zip(written, [*written[1:], ""], strict=True):
        yield f"> {line}{BREAK if line and below else ''}".rstrip()
    left = len(text) - LONGEST_RESPONSE
    if left > 0:
        yield f">\n> {ELLIPSIS} {left:,} more characters"


_MARK = "\x00"  # around a number: views know no such character (see `words.clean`)
_NUMBER = re.compile(f"{_MARK}(\\d+){_MARK}")


def _statements(model: ViewModel, signal: int) -> Iterator[str]:
    for statement in model.statements[:MOST_STATEMENTS]:
        thinks = "(thinking) " if statement.thinking else ""
        yield f"{statement.id + 1}. {thinks}{shown(_cut(statement.text))}"
        evidence = model.evidence[signal][statement.id] if model.signals else ()
        indent = " " * (len(str(statement.id + 1)) + 2)
        for each in evidence[:MOST_EVIDENCE]:
            yield f"{indent}- {_evidence(model, each)}"
        if len(evidence) > MOST_EVIDENCE:
            yield f"{indent}- {ELLIPSIS} and {len(evidence) - MOST_EVIDENCE:,} more"
        if not evidence:
            yield f"{indent}- no source stands out"
    left = len(model.statements) - MOST_STATEMENTS
    if left > 0:
        yield f"\n{ELLIPSIS} and {_count(left, 'more statement')}: they are in `trace.spans`."


def _evidence(model: ViewModel, each: Evidence) -> str:
    excerpt = model.sources[each.sources[0]].excerpt
    said = f"**{each.score:.2f}** {shown(each.label)}" + (f": {shown(excerpt)}" if excerpt else "")
    return said + (f" ({each.mark.sign} {shown(each.mark.words)})" if each.mark else "")


def _sources(model: ViewModel, signal: int) -> Iterator[str]:
    whole = model.rows.share_of(signal, len(model.statements)) if model.signals else None
    yield "| source | of | where | share of the response | text |"
    yield "| --- | --- | --- | ---: | --- |"
    for source in model.sources[:MOST_SOURCES]:
        share = "" if whole is None else f"{whole[source.id]:.2f}"
        cells = shown(source.label), source.modality, _where(model, source), share, shown(source.excerpt)
        yield f"| {' | '.join(cells)} |"
    left = len(model.sources) - MOST_SOURCES
    if left > 0:
        yield f"\n{ELLIPSIS} and {_count(left, 'more source')}: they are in `trace.sources`."


def _where(model: ViewModel, source: ViewSource) -> str:
    if source.time is not None:
        return f"{seconds(source.time[0])}-{seconds(source.time[1])} s"
    if source.chars is not None:
        return f"characters {source.chars[0]:,}-{source.chars[1]:,}"
    size = model.parts[source.part].size
    if source.box is None or size is None:
        return ""
    left, top, right, bottom = (round(at * side) for at, side in zip(source.box, size * 2, strict=True))
    return f"x {left}-{right}, y {top}-{bottom} px"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_STATEMENT else f"{text[: LONGEST_STATEMENT - 1]}{ELLIPSIS}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
