"""The wheel holds everything: built from the sources, installed alone in a new environment, imported and run there."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True, text=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh_python(wheel, tmp_path_factory):
    """An environment of its own: the wheel installed, its dependencies borrowed from ours (not our own package)."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    [site_packages] = folder.glob("lib/python*/site-packages")
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python, *arguments, **kwargs):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    return subprocess.run([python, *arguments], capture_output=True, text=True, env=environment, check=False, **kwargs)


def imported(folder):
    """The packages that the modules of a folder import, other than Python's own and ours."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            yield from (name.partition(".")[0] for name in names)


def test_every_package_that_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for name, extra in project["optional-dependencies"].items() if name != "test" for each in extra]
    wanted = [*project["dependencies"], *extras]
    declared = {re.match(r"[\w-]+", each)[0].lower().replace("-", "_") for each in wanted}
    ours = {"IPython": "ipython", "PIL": "pillow", "sklearn": "scikit_learn", "vl_convert": "vl_convert_python"}
    ours |= {"scenedetect": "scenedetect_headless", "skimage": "scikit_image"}
    used = {ours.get(name, name) for name in imported("omnitrace_nb")} - set(sys.stdlib_module_names)
    assert used - {"omnitrace_nb"} <= declared


def test_the_wheel_holds_the_model_the_bundle_and_the_example(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "omnitrace_nb/py.typed",
        "omnitrace_nb/static/widget.js",
        "omnitrace_nb/static/widget.css",
        "omnitrace_nb/models/embedded/model.safetensors",
        "omnitrace_nb/models/embedded/tokenizer.json",
    ):
        assert needed in names
    assert any(name.startswith("omnitrace_nb/data/") and name.endswith(".mp4") for name in names)
    assert not any(name.startswith(("tests/", "training/", "js/")) for name in names)


def test_the_wheel_alone_imports_from_its_own_place(fresh_python, tmp_path):
    code = "import omnitrace_nb as ot, sys; print(ot.__file__); print('torch' in sys.modules)"
    done = run(fresh_python, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place, torch_loaded = done.stdout.split()
    assert Path(place).is_relative_to(fresh_python.parent.parent)
    assert torch_loaded == "False"


def test_the_wheel_alone_traces_the_packaged_example(fresh_python, tmp_path):
    done = run(fresh_python, "-m", "omnitrace_nb.cli", "demo", "--out", "demo.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo.html").stat().st_size > 10_000
