"""The documents name only what exists: files that they link to, and names of the public face."""

import ast
import re
from pathlib import Path

import pytest

import omnitrace_nb as ot

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "training", "benchmarks")
DOCUMENTS = [*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).glob("*.md"))]
ATTRIBUTES = {"parts", "layout", "run", "settings", "packed"}  # set in the constructor of a trace


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
