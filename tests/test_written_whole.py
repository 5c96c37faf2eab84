"""Whatever goes wrong while a file is written, the old one stays, nothing is left behind, and it is told in words."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
from traces import make_trace

from omnitrace_nb.errors import OmnitraceError, SettingsError, TraceFileError
from omnitrace_nb.trace import open_trace
from omnitrace_nb.writing import write

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def trace():
    return make_trace(media=False)


WRITERS = {
    "html": lambda trace: trace.to_html,
    "json": lambda trace: trace.to_json,
    "md": lambda trace: trace.to_markdown,
    "png": lambda trace: trace.to_png,
    "omnitrace": lambda trace: trace.save,
    "compare.html": lambda trace: trace.compare("excess", "attmean").to_html,
    "chart.html": lambda trace: trace.charts.cost().save,
    "chart.svg": lambda trace: trace.charts.cost().save,
    "chart.json": lambda trace: trace.charts.cost().save,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_path_that_cannot_be_written_is_told_with_what_to_do(trace, tmp_path, kind):
    write_to, folder = WRITERS[kind](trace), tmp_path / f"folder.{kind}"
    folder.mkdir()
    for place in (tmp_path / "missing" / f"a.{kind}", folder, f"{tmp_path}/a\0b.{kind}"):
        with pytest.raises(OmnitraceError, match=r"could not be written: .*\. Give the (path|name) of a file"):
            write_to(place)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_open_is_written_to(trace, kind):
    if kind.startswith("chart"):
        pytest.skip("altair takes the format of an open file as a word (below)")
    written = io.BytesIO()
    WRITERS[kind](trace)(written)
    assert written.getvalue()


def test_a_chart_is_written_to_an_open_file_whose_format_is_named(trace):
    page, picture = io.StringIO(), io.BytesIO()
    trace.charts.cost().save(page, "html")
    trace.charts.cost().save(picture, "png")
    assert page.getvalue().startswith("<!doctype html>")
    assert picture.getvalue().startswith(b"\x89PNG")
    with pytest.raises(SettingsError, match="'html', 'json'"):
        trace.charts.cost().save(io.BytesIO())


def test_a_trace_is_saved_to_a_buffer_and_opened_from_it(trace, tmp_path):
    held = io.BytesIO()
    assert trace.save(held) is None
    assert held.getvalue() == trace.save(tmp_path / "t").read_bytes()
    assert open_trace(held).response == trace.response
    with (tmp_path / "t.omnitrace").open("rb") as file:
        assert open_trace(file).response == trace.response
    with pytest.raises(TraceFileError, match="open for text"):
        trace.save(io.StringIO())
    with (tmp_path / "t.omnitrace").open("rb") as file, pytest.raises(TraceFileError, match="mode 'wb'"):
        trace.save(file)
    with pytest.raises(TraceFileError, match="open for text"):
        open_trace(io.StringIO("x"))
    with pytest.raises(TraceFileError, match="no trace file"):
        open_trace(io.BytesIO(b"x"))
    for nothing in (None, 5, b"t.omnitrace", [], ""):
        with pytest.raises(TraceFileError, match="expected a path"):
            trace.save(nothing)


def run(program, *arguments, limit=None, **options):
    """Run a program in a process of its own; `limit` bounds the bytes of any file that it writes."""
    bound = f"""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    """
    # As from a terminal: a process started in the background of a shell takes no interrupt, nor do those it starts.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})"
    first = f"{heard}\n{path}\n{textwrap.dedent(bound) if limit else ''}"
    code = f"{first}\n{textwrap.dedent(program)}"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_full_disk_leaves_every_old_file_as_it_was(tmp_path):
    olds = {tmp_path / f"a.{kind}": b"old" for kind in WRITERS}
    for path, content in olds.items():
        path.write_bytes(content)
    program = """
        from test_written_whole import WRITERS, make_trace
        from omnitrace_nb.errors import TraceFileError
        trace = make_trace(media=False)
        for kind, writer in WRITERS.items():
            try:
                writer(trace)(f"{sys.argv[1]}/a.{kind}")
            except TraceFileError as error:
                print(kind, error)
    """
    done = run(program, tmp_path, limit=2_000)
    said, errors = done.communicate()
    assert done.returncode == 0, errors
    assert [line.split()[0] for line in said.splitlines()] == list(WRITERS)
    assert said.count("File too large") == len(WRITERS)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == olds


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs the right to mount a small disk")
def test_a_disk_that_is_really_full_and_one_that_is_read_only_are_told_in_words(trace, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        (disk / "a.json").write_text("old")
        for write_to in (trace.to_json, trace.to_html, trace.save):
            with pytest.raises(TraceFileError, match=r"No space left on device.*disk with room"):
                write_to(disk / "a.json")
        assert [(each.name, each.read_text()) for each in disk.iterdir()] == [("a.json", "old")]
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for write_to in (trace.to_json, trace.save):
            with pytest.raises(TraceFileError, match=r"Read-only file system.*you may write to"):
                write_to(disk / "a.json")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_device_is_written_to_and_stays_a_device(trace):
    with pytest.raises(TraceFileError, match="No space left on device"):
        trace.to_json("/dev/full")
    assert Path("/dev/full").is_char_device()


def test_what_a_killed_writer_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(trace, tmp_path):
    program = """
        import time
        from omnitrace_nb.writing import write
        def slowly(file):
            file.write(b"half")
            file.flush()
            print("half", flush=True)
            time.sleep(600)
        write(sys.argv[1], slowly)
    """
    killed, living = (run(program, tmp_path / f"{name}.json") for name in ("killed", "living"))
    for each in (killed, living):
        assert each.stdout.readline() == "half\n"
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    trace.to_json(tmp_path / "other.json")
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names[1:] == ["other.json"]
    assert (tmp_path / names[0]).read_bytes() == b"half"
    living.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in living.communicate()[1]
    assert [each.name for each in tmp_path.iterdir()] == ["other.json"]


@pytest.mark.parametrize("moment", ["_open_to_write", "writestr", "_write_end_record"])
def test_ctrl_c_while_saving_is_an_interrupt_and_the_old_file_stays(trace, tmp_path, monkeypatch, moment):
    path = trace.save(tmp_path / "t.omnitrace")
    before = path.read_bytes()
    usual = getattr(zipfile.ZipFile, moment)

    def interrupted(archive, *args, **options):
        usual(archive, *args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, moment, interrupted)
        with pytest.raises(KeyboardInterrupt):
            trace.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["t.omnitrace"]


def test_ctrl_c_at_any_time_leaves_the_old_file_or_the_new_one_and_nothing_else(tmp_path):
    program = """
        from traces import make_trace
        trace = make_trace()
        print("ready", flush=True)
        while True:
            trace.save(sys.argv[1])
    """
    path = tmp_path / "t.omnitrace"
    for wait in (0.02, 0.05, 0.11):
        done = run(program, path)
        done.stdout.readline()
        time.sleep(wait)
        done.send_signal(signal.SIGINT)
        _, errors = done.communicate()
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
        assert "ZIP file" not in errors
        assert [each.name for each in tmp_path.iterdir()] in ([], ["t.omnitrace"])
        if path.exists():
            open_trace(path)


def test_a_link_stays_a_link_and_a_files_permissions_stay(trace, tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    trace.to_json(link)
    assert link.is_symlink()
    assert json.loads(real.read_text())["format"] == "omnitrace.json"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_name_as_long_as_a_disk_takes_can_be_written(tmp_path):
    path = tmp_path / ("n" * 250 + ".json")
    write(path, "{}")
    assert path.read_text() == "{}"
