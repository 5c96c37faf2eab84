"""What a trace is taken away as: Markdown that shows texts as they stand, pages that open as asked for."""

import json
import re
from html.parser import HTMLParser

import mistune
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from traces import make_empty_trace, make_trace, with_verdicts

from omnitrace_nb.errors import SettingsError, SignalError, TraceFileError
from omnitrace_nb.view.marked import shown

ATTACK = "<script>alert(1)</script> [x](http://evil.example) ![y](z.png) `code` **bold** | $a$ and $b$ @you #1"

# Two readers of Markdown, with whatever GitHub adds to it that they know.
GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MISTUNE = mistune.create_markdown(
    escape=False, plugins=["strikethrough", "footnotes", "table", "url", "task_lists", "math", "def_list"]
)


class Reader(HTMLParser):
    """The tags and the words of HTML."""

    def __init__(self, html):
        """Read."""
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Keep it, with the names of its attributes."""
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_data(self, data):
        """Keep the words."""
        self.words += data


def rendered(text):
    return [Reader(GITHUB.render(text)), Reader(MISTUNE(text))]


MARKS = st.text(alphabet="ab1 .)(*_`~[]!<>&|\\#-+=:$@^{}\"'/\thttp", min_size=1, max_size=30)


@given(MARKS | st.text(min_size=1, max_size=20))
@settings(max_examples=400, deadline=None)
def test_any_text_shows_as_it_stands_in_a_paragraph_a_list_and_a_table(text):
    words = " ".join(text.split())
    if not words.isprintable() or not words:
        return
    written = shown(text)
    for form, allowed in (
        (f"> {written}", {"blockquote", "p"}),
        (f"1. {written}", {"ol", "li"}),
        (f"| a | b |\n| --- | --- |\n| {written} | c |", {"table", "thead", "tbody", "tr", "th", "td"}),
    ):
        read = Reader(GITHUB.render(form))
        assert words in " ".join(read.words.split())
        assert {tag for tag, *_ in read.tags} <= allowed | {"span"}


def test_the_whole_document_reads_the_same_by_two_readers_whatever_is_in_the_trace():
    trace = make_trace(
        note=f"{ATTACK}\n\n# Not a heading\n- [ ] not a task", response=f"{ATTACK}\n=====\n    code\n1) one"
    )
    for read in rendered(trace.to_markdown()):
        kinds = {tag for tag, *_ in read.tags}
        assert kinds <= {
            "h1", "h2", "p", "blockquote", "br", "ol", "ul", "li", "strong", "span",
            "table", "thead", "tbody", "tr", "th", "td",
        }  # fmt: skip
        assert [tag for tag, *_ in read.tags if tag in {"h1", "h2"}] == ["h1", "h2", "h2", "h2"]
        unnumbered = re.sub(r" \[\d+\]", "", read.words)
        assert ATTACK in " ".join(unnumbered.split())
        assert {name for _, *names in read.tags for name in names} <= {"style", "align", "start"}


def test_mentions_references_formulas_and_emoji_codes_are_broken_up():
    text = "ask @you about #12, $x$ and :tada: at https://a.example or www.b.example or c@d.example"
    written = shown(text)
    assert not re.search(r"@\w|(?<!&)#\d|\$\w|:\w+:|https://|www\.", written)
    [read, other] = rendered(written)
    assert read.words.strip() == other.words.strip() == text
    assert "a" not in {tag for tag, *_ in (*read.tags, *other.tags)}


def test_each_statement_has_a_number_in_the_response_and_its_evidence_beneath_it():
    trace = with_verdicts(make_trace())
    text = trace.to_markdown()
    quoted = [line for line in text.splitlines() if line.startswith(">")]
    assert [number for line in quoted for number in re.findall(r"\\\[(\d+)\\\]", line)] == ["1", "2", "3", "4", "5"]
    lines = text.splitlines()
    at = lines.index("5. In the film a yellow ball jumps 😀.")
    assert lines[at + 1].startswith("   - **0.9")
    assert "film 1, 2-4 s (picture and sound)" in lines[at + 1]
    assert "✓ verified: 1.25 nats less likely without it" in lines[at + 1]
    [read, _] = rendered(text)
    assert [tag for tag, *_ in read.tags].count("ol") == 1
    assert [tag for tag, *_ in read.tags].count("li") == 5 + 5 + 1  # statements, their evidence, the note on verdicts


def test_the_table_has_every_source_with_its_place_and_share():
    trace = make_trace(image=(2, 2))
    rows = [line.split(" | ") for line in trace.to_markdown(signal="attmean").splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(trace.sources)
    found = {row[0].removeprefix("| "): row[1:] for row in rows[2:]}
    assert found["sound 1, 1-2 s"][:2] == ["audio", "1-2 s"]
    assert found["text 1, sentence 1"][1] == "characters 0-26"
    regions = trace.sources[trace.sources["part"] == 2]
    box = [int(regions.iloc[3][edge]) for edge in ("left", "right", "top", "bottom")]
    assert found[regions.iloc[3]["label"]][1] == "x {}-{}, y {}-{} px".format(*box)
    assert sum(float(row[2]) for row in found.values()) == pytest.approx(1, abs=0.005 * len(found))


def test_markdown_and_picture_follow_the_signal_and_refuse_one_that_is_not_there(tmp_path):
    trace = make_trace()
    assert "by **attmean**" in trace.to_markdown(tmp_path / "t.md", signal="attmean")
    assert (tmp_path / "t.md").read_text(encoding="utf-8").startswith("# Trace of planted\n")
    for form in (trace.to_markdown, trace.to_png, trace.to_html):
        with pytest.raises(SignalError, match="'rollout'"):
            form(signal="rollout")
    with pytest.raises(TraceFileError, match="nowhere"):
        trace.to_png(tmp_path / "nowhere" / "t.png")


def test_a_page_opens_with_the_choices_that_were_asked_for():
    trace = make_trace()
    page = trace.to_html(signals=["attmean", "excess"], signal="excess", pinned=3)
    state = json.loads(re.search(r'id="omnitrace-state">(.*?)</script>', page, re.DOTALL).group(1))["state"]
    assert (state["signal"], state["pinned"]) == ("excess", 2)  # a front end knows statements by their indices
    assert "signal <b>excess</b>" in page  # the form that needs no script
    with pytest.raises(SettingsError, match="statements count from 1 to 5"):
        trace.to_html(pinned=6)
    with pytest.raises(SignalError, match="'excess'"):
        trace.to_html(signals=["attmean"], signal="excess")


def test_an_empty_response_is_said_to_be_empty():
    assert "The response is empty." in make_empty_trace().to_markdown()
