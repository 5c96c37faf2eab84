"""The command line, thin: `omnitrace-nb trace`, `demo`, `check`, `signals` and `doctor`."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnitrace_nb._version import __version__
from omnitrace_nb.errors import ContentError, OmnitraceError, SettingsError
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.trace import Trace
    from omnitrace_nb.tracer import Tracer

FORMS = {".html": "to_html", ".png": "to_png", ".md": "to_markdown", ".json": "to_json", ".omnitrace": "save"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give 0, or 1 after an error told in one line, or 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except OmnitraceError as error:
        print(f"omnitrace-nb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("omnitrace-nb: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omnitrace-nb", description="Which part of the input made the model say that?"
    )
    parser.add_argument("--version", action="version", version=f"omnitrace-nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    trace = commands.add_parser("trace", help="trace a prompt of texts and files")
    trace.set_defaults(run=_trace)
    trace.add_argument("parts", nargs="+", metavar="PART", help="a file (picture, sound, film) or a text, in order")
    trace.add_argument("--model", help="a hub id, a folder or a .gguf file; left out: the embedded model")
    _model_options(trace)
    trace.add_argument("--max-new-tokens", type=int, metavar="N", help="the longest response; left out: 256")
    trace.add_argument(
        "--response",
        metavar="FILE",
        help="score the response in this file instead of generating one: a text, or .json with token ids; -: stdin",
    )
    trace.add_argument("--live", action="store_true", help="write the response as it comes; Ctrl-C keeps what is there")
    trace.add_argument(
        "--verify", type=int, metavar="TOP", help="ablate the best TOP sources of each statement and say what it did"
    )
    trace.add_argument("--save", type=Path, metavar="FILE", help="keep the trace, to be opened with ot.open")
    trace.add_argument("--json", type=Path, metavar="FILE", help="write the tables as JSON")
    _view_options(trace, html=None)

    demo = commands.add_parser("demo", help="trace the packaged example with the embedded model")
    demo.set_defaults(run=_demo)
    _view_options(demo, html=Path("demo.html"))

    check = commands.add_parser("check", help="examine a model before trusting its traces")
    check.set_defaults(run=_check)
    check.add_argument("model", nargs="?", help="a hub id or a folder; left out: the embedded model")
    check.add_argument("parts", nargs="*", metavar="PART", help="a prompt to examine it with; left out: the example's")
    _model_options(check)

    listed = commands.add_parser("signals", help="list the signals, what each needs and costs")
    listed.set_defaults(run=_signals)

    doctor = commands.add_parser("doctor", help="say what is installed, what works, and what to do about the rest")
    doctor.set_defaults(run=_doctor)
    return parser


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps")
    parser.add_argument("--device-map", metavar="MAP", help="auto: spread a model over several devices (accelerate)")
    parser.add_argument("--dtype", help="such as bfloat16")
    parser.add_argument("--trust-remote-code", action="store_true", help="run code that comes with a checkpoint")


def _view_options(parser: argparse.ArgumentParser, html: Path | None) -> None:
    parser.add_argument(
        "--signals",
        type=_names,
        metavar="NAME,NAME",
        default=["excess", "attmean"],
        help="left out: excess,attmean; `omnitrace-nb signals` lists them; a control behind a bar: 'attmean|per_token'",
    )
    parser.add_argument(
        "--out",
        type=Path,
        action="append",
        metavar="FILE",
        help=f"write it as its name ends: {', '.join(FORMS)}; may be given several times"
        + (f"; left out: {html}" if html else ""),
    )
    parser.set_defaults(html=html)


def _names(argument: str) -> list[str]:
    return [name.strip() for name in argument.split(",") if name.strip()]


def _trace(options: argparse.Namespace) -> None:
    _check_folders(*_outs(options), options.save, options.json)
    parts = [_part(argument) for argument in options.parts]
    response = None if options.response is None else _response(options.response)
    tracer = _load(options)
    most = options.max_new_tokens
    if most is None and response is None:
        most = 256
    trace = tracer.trace(parts, options.signals, response=response, max_new_tokens=most, live=options.live)
    if options.verify is not None:
        trace = tracer.verify(trace, top=options.verify)
    _show(trace, _outs(options))
    if options.save:
        trace.save(options.save)
        print(f"Saved {options.save}: open it with omnitrace_nb.open({str(options.save)!r})")
    if options.json:
        trace.to_json(options.json)
        print(f"Wrote {options.json}")


def _load(options: argparse.Namespace) -> Tracer:
    from omnitrace_nb.tracer import load  # noqa: PLC0415 - torch is loaded only by the commands that need it

    return load(
        options.model,
        device=options.device,
        device_map=options.device_map,
        dtype=options.dtype,
        trust_remote_code=options.trust_remote_code,
    )


def _check_folders(*files: Path | None) -> None:
    """Refuse a place that cannot be written to before there is anything to lose."""
    for file in files:
        try:
            unusable = file and (file.is_dir() or not file.parent.is_dir())
        except OSError:  # a name that is too long
            unusable = True
        if unusable:
            raise SettingsError(f"cannot write {quoted(str(file))}: give the name of a file in a folder that exists")


def _part(argument: str) -> str | Path:
    """Read an argument as a file if there is one of that name, else as text; a missing media file is an error."""
    from omnitrace_nb.content.suffixes import is_media_name  # noqa: PLC0415 - decoders are loaded only where needed

    path = Path(argument)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):  # a long text is no file name
        return argument
    if is_media_name(argument) and not any(letter.isspace() for letter in argument):
        raise ContentError(f"there is no file {argument!r}; give the path of an existing file, or a text")
    return argument


def _response(name: str) -> Any:  # noqa: ANN401 - JSON, which the tracer examines
    """Read a response from a file or stdin; the newline that editors put at a file's end is not of it."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n")
        return json.loads(text) if name.lower().endswith(".json") else text
    except OSError as error:
        raise ContentError(f"cannot read the response {name!r}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        form = "JSON, a list of token ids" if name.lower().endswith(".json") else "a text in UTF-8"
        raise ContentError(f"the response {name!r} is not {form}: {error}") from error


def _demo(options: argparse.Namespace) -> None:
    _check_folders(*_outs(options))
    from omnitrace_nb.packaged import example  # noqa: PLC0415
    from omnitrace_nb.tracer import load  # noqa: PLC0415

    trace = load().trace(example(), signals=options.signals)
    _show(trace, _outs(options))


def _outs(options: argparse.Namespace) -> list[Path]:
    """Give the files to write; refuse one whose name says no form."""
    outs: list[Path] = options.out or ([options.html] if options.html else [])
    for out in outs:
        if out.suffix.lower() not in FORMS and out.suffix:
            raise SettingsError(f"cannot write {str(out)!r}: end its name in one of {', '.join(FORMS)}")
    return outs


def _show(trace: Trace, outs: Sequence[Path]) -> None:
    from omnitrace_nb.view import text  # noqa: PLC0415

    print(text(trace))
    for out in outs:
        form = FORMS.get(out.suffix.lower(), "to_html")
        getattr(trace, form)(out)
        said = f"The interactive view: open {out} in a browser (it needs no network)."
        print(f"\n{said}" if form == "to_html" else f"Wrote {out}")


def _check(options: argparse.Namespace) -> None:
    from omnitrace_nb.conformance import check_adapter  # noqa: PLC0415

    content = [_part(argument) for argument in options.parts]
    report = check_adapter(_load(options), content or None)
    print(report)
    if not report.passed:
        raise OmnitraceError("not every check was passed: do not trust this model's traces before it is mended")


def _signals(_options: argparse.Namespace) -> None:
    from omnitrace_nb import signals  # noqa: PLC0415

    known = sorted(map(signals.get, signals.names()), key=lambda signal: (signal.family, signal.name))
    for family, members in groupby(known, key=lambda signal: signal.family):
        print(f"{family}:")
        for signal in members:
            print(f"  {signal.name:<22}{signal.summary}")
            if signal.cost:
                print(f"  {'':<22}costs {signal.cost}")


def _doctor(_options: argparse.Namespace) -> None:
    from omnitrace_nb.doctor import examine  # noqa: PLC0415

    findings = examine()
    for finding in findings:
        print(finding)
    if any(finding.bad for finding in findings):
        raise OmnitraceError("something above needs mending")


if __name__ == "__main__":
    sys.exit(main())
