"""Every notebook runs from top to bottom in a real kernel, and its view is there."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from shown_warnings import SHOWN, besides_bars

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_shows_its_views_and_nothing_warns(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", SHOWN)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    # Progress bars are widgets too, but have no form that stays.
    linked = {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    views = [output for output in outputs if linked <= set(output.get("data", {}))]
    assert len(views) >= 2
    assert [line for each in outputs if each.get("name") == "stderr" for line in besides_bars(each.text)] == []


def test_there_is_a_quickstart():
    assert "01_quickstart" in [path.stem for path in NOTEBOOKS]


def test_a_new_family_takes_fewer_than_sixty_lines_its_model_included():
    notebook = nbformat.read(NOTEBOOKS[0].with_name("04_bring_your_model.ipynb"), as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    checked = [at for at, each in enumerate(code) if "ot.check_adapter(" in each]
    family = next(each for each in code if "register(" in each)
    assert len(code[0].splitlines()) + len(family.splitlines()) < 60
    assert len(checked) >= 2
    assert any(at > code.index(family) for at in checked)
