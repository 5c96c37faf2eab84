"""The command line as a user types it."""

import json
import os
import subprocess
import sys

import pytest

import omnitrace_nb as ot
from omnitrace_nb.cli import main
from omnitrace_nb.packaged import FOLDER


def test_trace_reads_files_and_texts_in_their_order_and_writes_what_was_asked_for(tmp_path, capsys):
    page, saved, table = tmp_path / "t.html", tmp_path / "t.omnitrace", tmp_path / "t.json"
    arguments = [
        "trace",
        "--signals",
        "attmean,rawatt",
        str(FOLDER / "recording.wav"),
        str(FOLDER / "first.png"),
        "What does the first picture show?",
    ]
    assert main([*arguments, "--out", str(page), "--save", str(saved), "--json", str(table)]) == 0
    printed = capsys.readouterr().out
    trace = ot.open(saved)
    assert trace.signals == ("attmean", "rawatt")
    assert trace.response in " ".join(printed.split())
    assert trace.sources["modality"].drop_duplicates().tolist() == ["audio", "image", "text"]
    assert "<script" in page.read_text(encoding="utf-8")
    assert json.loads(table.read_text(encoding="utf-8"))["response"]["text"] == trace.response


def test_each_file_asked_for_has_the_form_that_its_name_ends_in(tmp_path, capsys):
    names = ["t.html", "t.png", "t.md", "t.json", "t.omnitrace"]
    outs = [each for name in names for each in ("--out", str(tmp_path / name))]
    assert main(["trace", "Mia sells honey. Hugo sells clocks.", "Who sells clocks?", *outs]) == 0
    assert f"Wrote {tmp_path / 't.png'}" in capsys.readouterr().out
    begins = [(tmp_path / name).read_bytes()[:8] for name in names]
    assert begins[:3] == [b"<!doctyp", b"\x89PNG\r\n\x1a\n", b"# Trace "]
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["format"] == "omnitrace.json"
    assert len(ot.open(tmp_path / "t.omnitrace").sources) > 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trace", "Hello", "--out", "t.pdf"], ".html, .png, .md, .json, .omnitrace"),
        (["trace", "missing.png", "What?"], "missing.png"),
        (["trace", "Hello", "--signals", "atmean"], "attmean"),
        (["trace", "Hello", "--model", "nobody/nothing-of-that-name"], "nobody/nothing-of-that-name"),
    ],
)
def test_a_wrong_argument_is_told_in_words_without_a_traceback(arguments, told):
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}  # else the hub is tried again and again for over a minute
    command = [sys.executable, "-m", "omnitrace_nb.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=offline, check=False)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--out", "--save", "--json"])
@pytest.mark.parametrize("place", ["no/such/folder/file", "."])
def test_a_place_that_cannot_be_written_to_is_told_before_the_model_is_loaded(option, place, monkeypatch, capsys):
    monkeypatch.setattr("omnitrace_nb.tracer.load", lambda *_, **__: pytest.fail("the model was loaded"))
    assert main(["trace", "Hello", option, place]) == 1
    assert f"cannot write {place!r}" in capsys.readouterr().err


def test_check_prints_a_report_and_fails_with_it(capsys, monkeypatch):
    assert main(["check"]) == 0
    assert "rows" in capsys.readouterr().out
    monkeypatch.setattr("omnitrace_nb.conformance.running.STEPS", 3)  # no longer what `generate` was asked for
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert "fail  tokens" in printed.out
    assert "not every check was passed" in printed.err


def test_check_takes_a_folder_a_dtype_and_a_prompt(capsys, toy_text, tmp_path):
    model, tokenizer = toy_text
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert main(["check", str(tmp_path), "Mia sells honey.", "What?", "--dtype", "bfloat16", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "21 characters" in printed
    assert "bfloat16: rows sum to 1" in printed


def test_doctor_finds_this_environment_sound(capsys):
    assert main(["doctor"]) == 0
    assert "embedded model" in capsys.readouterr().out


def test_signals_lists_every_signal_with_its_cost(capsys):
    assert main(["signals"]) == 0
    printed = capsys.readouterr().out
    for name in ot.signals.names():
        assert f"  {name} " in printed
    assert "costs a backward through every layer a step" in printed


def test_verify_says_what_hiding_did(capsys):
    question = "What does the first picture show?"
    assert main(["trace", str(FOLDER / "first.png"), question, "--signals", "excess", "--verify", "2"]) == 0
    assert "verified: " in capsys.readouterr().out
