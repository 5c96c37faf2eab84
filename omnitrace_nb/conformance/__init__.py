"""Conformance: is what is said of a model true? A report to run on a new model before trusting its traces.

Each check has its truth from outside the code that it examines: transformers' eager attention, the model's own
`generate`, a full forward with another mask, content that was changed.
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

from omnitrace_nb.conformance import attending, placing, running
from omnitrace_nb.conformance.report import Report
from omnitrace_nb.conformance.subject import Failed, NotApplicable, Subject
from omnitrace_nb.errors import OmnitraceError, SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.revisits import Revisits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omnitrace_nb.models import Adapter
    from omnitrace_nb.tracer import Tracer

__all__ = ["CHECKS", "Report", "check_adapter"]

CHECKS: dict[str, Callable[[Subject], str]] = {
    "owners": placing.owners,
    "texts": placing.texts,
    "sentences": placing.sentences,
    "patches": placing.patches,
    "seconds": placing.seconds,
    "frames": placing.frames,
    "tracks": placing.tracks,
    "embeddings": running.embeddings,
    "tokens": running.tokens,
    "rows": attending.rows,
    "gradients": attending.gradients,
    "hiding": attending.hiding,
    "half_precision": running.half_precision,
    "caches": running.caches,
    "untouched": running.untouched,
}


def check_adapter(tracer: Tracer | Adapter, content: object = None, *, checks: Sequence[str] | None = None) -> Report:
    """Examine a model: is its layout true, are its rows what it attends to, is it left as it was?

    Seconds on a small model, minutes on 7B. The whole attention matrices of one short prompt are held at once.

    Args:
        tracer: what `ot.load` gives, or an adapter.
        content: the prompt to examine with; left out: the packaged example's parts of the kinds that the model reads.
        checks: names of `CHECKS`; left out: all.

    Returns:
        A row a check: `check`, `result` ("pass", "fail" or "n/a"), `detail`; `.passed` says whether nothing failed.

    Raises:
        SettingsError: an unknown check.
        ContentError: a prompt that cannot be read.
    """
    if checks is not None and not isinstance(checks, (list, tuple, set, frozenset)):
        raise SettingsError(f"checks={quoted(checks)}: expected a list of names, some of {', '.join(CHECKS)}.")
    chosen = list(CHECKS) if checks is None else list(checks)
    if unknown := [name for name in chosen if not isinstance(name, str) or name not in CHECKS]:
        raise SettingsError(f"there is no check {quoted(unknown[0])}; there are {', '.join(CHECKS)}.")
    if not hasattr(tracer, "adapter" if isinstance(tracer, Revisits) else "modalities"):
        raise SettingsError(f"check_adapter was given {quoted(tracer)}, expected what ot.load gives, or an adapter.")
    subject = Subject.of(tracer.adapter if isinstance(tracer, Revisits) else tracer, content)
    begun, rows = time.perf_counter(), []
    for name in chosen:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append((name, *_result(CHECKS[name], subject)))
    report = Report(rows, columns=["check", "result", "detail"])
    report.attrs = {
        "model": subject.adapter.name,
        "family": subject.adapter.family,
        "seconds": time.perf_counter() - begun,
    }
    return report


def _result(check: Callable[[Subject], str], subject: Subject) -> tuple[str, str]:
    try:
        return "pass", check(subject)
    except NotApplicable as why:
        return "n/a", str(why)
    except Failed as why:
        return "fail", str(why)
    except OmnitraceError as error:
        return "fail", str(error)
    except Exception as error:  # noqa: BLE001 - a model that breaks under a check has failed it, and others go on
        return "fail", f"{type(error).__name__}: {error}"
