"""A wrong value on the command line ends in a message and a status of its own, never in a traceback."""

import pytest

from omnitrace_nb.cli import main

NUMBERS = ("-1", "0", "2.5", "nan", "many", "", "9" * 400, "9" * 5000, "\ud800")
NAMES = ("", " ", "no such thing", "a\0b", "\ud800", "x" * 5000, "../..", "/", "-", "{}")
PLACES = ("a\0b.html", "/", "gone/there.html", "x" * 5000 + ".html", "words.exe", "\ud800/a.html")
FED = {
    "--max-new-tokens": NUMBERS,
    "--verify": NUMBERS,
    "--device": NAMES,
    "--device-map": NAMES,
    "--dtype": NAMES,
    "--model": NAMES,
    "--signals": (*NAMES, ",", "attmean,attmean|nothing", "|"),
    "--response": (*NAMES[2:8], "/", "gone.json"),
    "--out": PLACES,
    "--save": PLACES[:4],
    "--json": PLACES[:4],
}


def ended(arguments):
    try:
        return main(arguments)
    except SystemExit as error:
        return error.code


@pytest.mark.parametrize("option", FED)
def test_a_wrong_value_of_an_option_is_told_in_words(option, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for value in FED[option]:
        arguments = ["trace", "Hi", "--max-new-tokens", "1", f"{option}={value}"]
        status = ended(arguments)
        told = capfd.readouterr().err
        assert status in {0, 1, 2}, f"{option}={value[:40]!r}"
        if status:
            assert "omnitrace-nb" in told, f"{option}={value[:40]!r}: {told[:200]}"
            assert len(told) < 9_000, f"{option}={value[:40]!r}: {told[:200]}"
        assert "Traceback" not in told, f"{option}={value[:40]!r}: {told[-300:]}"


@pytest.mark.parametrize("command", ["check", "demo"])
@pytest.mark.parametrize("value", ["gone", "a\0b", "\ud800"])
def test_a_wrong_value_of_a_command_is_told_in_words(command, value, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    status = ended([command, value] if command == "check" else [command, f"--signals={value}"])
    assert status == 1
    assert capfd.readouterr().err.startswith("omnitrace-nb: ")
