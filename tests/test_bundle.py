"""The committed bundle is what its sources give, is small, and asks for nothing."""

import base64
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from omnitrace_nb.view import SCHEMA
from omnitrace_nb.view.drawing import ACCENT, GAMMA, STRONGEST

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "omnitrace_nb" / "static"
JS = ROOT / "js"
LARGEST = 60_000  # bytes; a notebook keeps one copy for each widget
LARGEST_STYLE = 30_000

tools = pytest.mark.skipif(
    not (JS / "node_modules" / ".bin" / "esbuild").exists() or shutil.which("npm") is None,
    reason="the front end's tools are not installed: npm ci in js/",
)


def npm(*arguments):
    done = subprocess.run(["npm", "run", "--silent", *arguments], cwd=JS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@tools
def test_a_rebuild_gives_the_committed_bundle():
    npm("build", "--", "--check")


@tools
def test_a_stale_bundle_would_be_found(tmp_path):
    copy = tmp_path / "js"
    shutil.copytree(JS, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(JS / "node_modules")
    shutil.copytree(STATIC, tmp_path / "omnitrace_nb" / "static")
    source = copy / "src" / "heat.js"
    source.write_text(source.read_text().replace("GAMMA = 0.6", "GAMMA = 0.7"))
    command = ["node", "build.js", "--check"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "widget.js differs" in done.stderr


@tools
def test_types_hold():
    npm("check")


@tools
def test_style_holds():
    npm("lint")


def shipped(name):
    """Read a built file; the widget's own code, which is shipped deflated, in its place."""
    text = (STATIC / name).read_text()
    return re.sub(
        r'"([A-Za-z0-9+/]{1000,}=*)"', lambda found: zlib.decompress(base64.b64decode(found[1])).decode(), text
    )


def test_the_bundle_stays_below_sixty_kilobytes_and_its_style_sheet_below_thirty():
    assert (STATIC / "widget.js").stat().st_size + (STATIC / "host.js").stat().st_size < LARGEST
    assert (STATIC / "widget.css").stat().st_size < LARGEST_STYLE


def test_the_bundle_names_no_address_and_never_parses_text_as_markup():
    for name in ("widget.js", "widget.css", "host.js"):
        text = shipped(name).replace("http://www.w3.org/2000/svg", "")  # a name of the platform, never asked for
        assert "omnitrace" in text
        assert not re.search(r"https?://|@import|url\(\s*['\"]?(?!data:)", text)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)


def test_every_rule_of_the_style_sheet_is_the_views_own():
    files = sorted((JS / "src" / "css").glob("*.css"))
    imported = re.findall(r'@import "./css/(.*)"', (JS / "src" / "widget.css").read_text())
    assert sorted(imported) == [file.name for file in files]
    for file in files:
        text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
        outermost, depth = [], 0
        for line in text.splitlines():
            if depth == 0 and line.strip().endswith("{"):
                outermost.append(line.strip(" {"))
            depth += line.count("{") - line.count("}")
        rules = [each for each in outermost if not each.startswith("@keyframes otr-")]  # a motion's name is ours too
        assert rules == [".otr-page" if file.name == "page.css" else ".omnitrace-view"], file.name


def test_the_lock_file_names_no_registry():
    lock = json.loads((JS / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_the_schema_is_the_same_on_both_sides():
    assert f"SCHEMA = {SCHEMA};" in (JS / "src" / "data.js").read_text()


def test_the_curve_of_the_shades_is_the_same_on_both_sides():
    heat = (JS / "src" / "heat.js").read_text()
    assert f"GAMMA = {GAMMA};" in heat
    assert f"STRONGEST = {STRONGEST};" in heat
    assert f"DEEP = {list(ACCENT)};" in heat
