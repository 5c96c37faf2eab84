"""Whatever went wrong with a trace, each form in Python shows it or says so: no error, no blank, no markup, no end."""

import io
import json
import re
import time
import unicodedata
from html.parser import HTMLParser

import pytest
from bad_traces import BAD, EMOJI, HEBREW, MARKUP, many_statements
from markdown_it import MarkdownIt
from PIL import Image
from test_static_html import KEPT_ATTRIBUTES, KEPT_TAGS, Reader

from omnitrace_nb import view
from omnitrace_nb.errors import SettingsError

MOST = 1_000_000  # characters of any form that is looked at
SECONDS = 2.0  # of making one


class Words(HTMLParser):
    """What a reader sees of HTML, and what names its tags have."""

    def __init__(self, html):
        """Read."""
        super().__init__()
        self.words, self.tags, self.attributes = "", set(), set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Keep the names."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        """Keep the words."""
        self.words += data


@pytest.fixture(scope="module", params=list(BAD))
def bad(request):
    trace = BAD[request.param]()
    trace.spans  # noqa: B018 (worked out once, by whichever form comes first)
    return trace


def shows_something(words, trace):
    """Whether the words are of this trace: its statements, or that there are none; its evidence, or that none is."""
    if not len(trace.statements):
        return "The response is empty." in words or not trace.response.strip()
    first = view.words.clean(" ".join(trace.statements["text"].iloc[0].split()))[:40]
    return first in " ".join(words.split())


def evidence_said(words, trace):
    chosen = trace.spans[trace.spans["selected"]] if trace.signals else trace.spans
    if len(chosen) or not len(trace.statements):
        return True
    return "no source stands out" in words.lower()


def within(seconds, make):
    start = time.process_time()
    made = make()
    assert time.process_time() - start < seconds
    return made


def test_plain_text_says_all_in_lines_of_bounded_number(bad):
    text = within(SECONDS, lambda: view.text(bad))
    assert shows_something(re.sub(r"\n +", " ", text), bad)
    assert evidence_said(text, bad)
    assert len(text) < MOST
    assert not [each for each in text if unicodedata.category(each) == "Cc" and each not in "\n\t"]
    text.encode()


def test_static_html_says_all_in_a_bounded_size_with_nothing_that_a_sanitiser_takes_away(bad):
    html = within(SECONDS, lambda: view.static_html(bad))
    read = Reader(html)
    assert not read.open
    assert set(read.tags) <= KEPT_TAGS
    assert {name for name, _ in read.attributes} <= KEPT_ATTRIBUTES
    words = "".join(read.words)
    assert shows_something(words, bad)
    assert evidence_said(words, bad)
    assert len(html) < MOST
    html.encode()


def test_each_part_of_the_prompt_is_shown_or_it_is_said_what_is_missing(bad):
    html = view.static_html(bad)
    prompt = html[html.index(">Prompt<") :]
    pieces = re.split(r"<b style=[^>]*>", prompt)[1:]
    if len(bad.parts) > len(pieces):
        assert f"and {len(bad.parts) - len(pieces):,} more part" in prompt
    if not bad.parts:
        assert "The prompt is empty." in prompt
    for record, piece in zip(bad.parts, pieces, strict=False):
        own = piece.split("<p style")[0]  # the notes follow the last part
        label, _, rest = Words(f"<b>{own}").words.partition(record.label)
        text = " ".join((record.text or "").split())[:5]
        assert "<img" in own or "(" in rest or (text and view.words.clean(text) in rest), label


def test_markdown_says_all_as_text(bad):
    text = within(SECONDS, bad.to_markdown)
    read = Words(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))
    assert read.tags <= {
        "h1", "h2", "p", "blockquote", "br", "ol", "ul", "li", "strong", "span", "code",
        "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert shows_something(read.words, bad)
    assert evidence_said(read.words, bad)
    assert len(text) < MOST
    text.encode()


def test_json_in_both_formats_is_whole_and_plain(bad):
    for format_ in ("omnitrace", "paper"):
        text = bad.to_json(format=format_)
        read = json.loads(text, parse_constant=pytest.fail)
        text.encode()
    assert read[0]["response"] == bad.response
    assert len(read[0]["attribution"]["per_chunk_attribution"]) == len(bad.statements)


def test_pictures_have_a_bounded_size_and_are_never_blank(bad):
    last = len(bad.statements)
    for statement, theme in ((None, "light"), (1, "dark"), (last, "light")) if last else ((None, "dark"),):
        made = within(2 * SECONDS, lambda: bad.to_png(statement=statement, theme=theme, width=700, scale=1))  # noqa: B023
        with Image.open(io.BytesIO(made)) as picture:
            assert picture.width == 700
            assert picture.height < 6_000
            assert len(picture.getcolors(picture.width * picture.height)) > 10
        assert len(made) < 3_000_000


def test_a_statement_that_there_is_none_of_is_refused_by_its_number(bad):
    for wrong in (0, len(bad.statements) + 1, -1, True, "0"):
        with pytest.raises(SettingsError, match="statement="):
            bad.to_png(statement=wrong)


def test_the_notebook_gets_both_forms_that_stay(bad):
    with view.display("static"):
        data, _ = bad._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}
    assert all(data.values())


def test_what_is_cut_of_5000_statements_is_counted_in_each_form():
    trace = many_statements()
    text, html, marked = view.text(trace), view.static_html(trace), trace.to_markdown()
    for form, listed in (
        (text, len(re.findall(r"^ *\d+  Word number", text, re.MULTILINE))),
        (html, html.count("<details") ),
        (marked, len(re.findall(r"^\d+\. Word number", marked, re.MULTILINE))),
    ):  # fmt: skip
        assert listed >= 100
        assert f"and {5_000 - listed:,} more statements" in form
    characters = re.search(r"> … ([\d,]+) more characters", marked).group(1)
    shown = marked.index("\n## What") - marked.index("\n> ")
    assert int(characters.replace(",", "")) == pytest.approx(len(trace.response) - shown, rel=0.5)


def test_scores_that_are_no_numbers_are_counted_in_every_form():
    trace = BAD["NaN scores"]()
    said = f"excess: {len(trace) * len(trace.layout)} scores are no numbers and count as 0."
    for form in (view.text(trace), "".join(Reader(view.static_html(trace)).words), trace.to_markdown()):
        assert said in form


@pytest.mark.parametrize("text", [HEBREW, EMOJI, MARKUP], ids=["right to left", "emoji", "markup"])
def test_names_and_texts_come_out_as_they_went_in(text):
    trace = BAD["names with markup"]() if text == MARKUP else BAD["emoji and many scripts"]()
    if text == HEBREW:
        trace = BAD["right-to-left text"]()
    words = " ".join(text.split())
    html = "".join(Reader(view.static_html(trace)).words)
    marked = Words(MarkdownIt("commonmark").enable(["table"]).render(trace.to_markdown())).words
    for form in (html, marked, view.text(trace)):
        assert words in " ".join(form.split())
    assert text in json.loads(trace.to_json())["prompt"]["parts"][0]["text"]
