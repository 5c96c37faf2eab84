"""A trace file every one of whose texts is markup shows that markup in every form, and no form makes anything of it."""

import io
import json
import zipfile
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from test_trace import rewritten, verified
from traces import make_trace

from omnitrace_nb import view
from omnitrace_nb.errors import TraceFileError
from omnitrace_nb.trace import open_trace

ATTACK = "<img src=x onerror=alert(1)></script><script>alert(1)</script>**b**"
# What the schema knows by its words alone; a file with anything else there is refused.
WORDS = {"kind", "modality", "verdict", "assign"}


class Tags(HTMLParser):
    """The tags of HTML that a browser would make."""

    def __init__(self, text):
        """Read."""
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep those that can do something."""
        if tag in {"script", "iframe"} or any(name.startswith("on") or value == "x" for name, value in attrs):
            self.found.append((tag, dict(attrs)))


def texts(value, path=()):
    """Every place of a text in a JSON value."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, (dict, list)):
            yield from texts(each, (*path, key))
        elif isinstance(each, str):
            yield (*path, key)


def spoiled(trace, chosen):
    """A saved trace's bytes with an attack in every text that is chosen by its path."""

    def change(entries):
        about = json.loads(entries["trace.json"])
        for path in list(texts(about)):
            holder = about
            for key in path[:-1]:
                holder = holder[key]
            if chosen(path):
                # Places in texts stay within them.
                holder[path[-1]] = f"{ATTACK} {path[-2:]} {holder[path[-1]]}"
        return {**entries, "trace.json": json.dumps(about).encode()}

    held = io.BytesIO()
    trace.save(held, embed_media=True)
    return rewritten(held.getvalue(), change)


def test_markup_in_every_text_of_a_file_stays_text_in_every_form():
    data = spoiled(verified(make_trace()), lambda path: not WORDS & set(path))
    trace = open_trace(io.BytesIO(data))
    with view.display("static"):
        shown = trace._repr_mimebundle_()[0]["text/html"]
        compared = trace.compare(*trace.signals)._repr_mimebundle_()[0]["text/html"]
    marked = MarkdownIt("commonmark").enable(["table"]).render(trace.to_markdown())
    pieces = [trace.source(each.id)._repr_html_() for each in trace.source_records[:4]]
    tables = [getattr(trace, name).to_html() for name in ("sources", "statements", "spans", "checks", "budget")]
    for form in (shown, compared, marked, *pieces, *tables):
        found = [each for each in Tags(form).found if each[1].get("type") != "audio"]
        assert not found
    for page in (trace.to_html(), trace.compare(*trace.signals).to_html()):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert ATTACK[:20] in json.loads(trace.to_json())["run"]["model"]


@pytest.mark.parametrize("name", sorted(WORDS - {"assign"}))
def test_markup_in_a_word_that_only_few_can_be_is_refused_by_the_fields_name(name):
    data = spoiled(verified(make_trace()), lambda path: path[-1] == name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert ATTACK[:8] in json.dumps(json.loads(archive.read("trace.json")))
    with pytest.raises(TraceFileError, match=rf"\.{name}: expected one of "):
        open_trace(io.BytesIO(data))
