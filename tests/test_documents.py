"""The documents name only what exists: files that they link to, and names of the public face."""

import ast
import re
import runpy
from pathlib import Path

import PIL.Image
import pytest
from families import mistral3

import omnitrace_nb as ot
from omnitrace_nb import signals

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "docs/signals", "training", "benchmarks")
DOCUMENTS = [*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).glob("*.md"))]
ATTRIBUTES = {"parts", "layout", "run", "settings", "packed", "ablations"}  # set in the constructor of a trace


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_names_exist(path):
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    assert {name for name in re.findall(r"\bot\.(\w+)", text) if name not in ot.__all__} == set()
    known = {*dir(ot.Trace), *ATTRIBUTES, "html", "json", "omnitrace"}  # the last three: names of files
    assert {name for name in re.findall(r"\btrace\.(\w+)", text) if name not in known} == set()
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        ast.parse(code)


def code_of(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def test_the_table_of_signals_is_the_registrys():
    made = runpy.run_path(str(ROOT / "docs" / "signal_table.py"))
    text = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    assert text == made["page"](text), "run: python docs/signal_table.py"


def test_every_family_has_its_row_in_the_table_of_models():
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    text = text.partition("<!-- made by docs/models_table.py -->")[2].partition("<!-- end of the table -->")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][1:]
    names = [
        re.search(r'^NAME = "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)[1]
        for path in (ROOT / "tests" / "families").glob("*.py")
    ]
    assert sorted(rows) == sorted(names), "run: python docs/models_table.py"
    assert "**fails" not in text


def test_the_family_of_the_page_on_adapters_says_where_in_a_picture_each_position_looks():
    names = {}
    exec(code_of(ROOT / "docs" / "adapters.md")[0], names)  # noqa: S102 - our own page
    tracer = ot.Tracer(names["MyFamily"](*mistral3.make()))
    picture = PIL.Image.new("RGB", (80, 80))
    trace = tracer.trace([picture, "What?"], sources={"image": (2, 1)}, max_new_tokens=2, progress=False)
    cells = trace.sources.query("modality == 'image'")
    assert cells[["left", "top", "right", "bottom"]].to_numpy().tolist() == [[0, 0, 80, 40], [0, 40, 80, 80]]


def test_the_code_of_the_page_on_signals_runs(embedded, monkeypatch):
    monkeypatch.setattr(signals.registry, "_SIGNALS", dict(signals.registry._SIGNALS))
    names = {"tracer": embedded}
    for code in code_of(ROOT / "docs" / "signals.md"):
        exec(code, names)  # noqa: S102 - our own page
    added = embedded.add(names["trace"], ["sharpest", "occlusion"], progress=False)
    for name in ("sharpest", "occlusion"):
        assert added.scores(name).any(axis=1).all()
    assert added.run.signals["occlusion"]["forwards"] > len(added)
