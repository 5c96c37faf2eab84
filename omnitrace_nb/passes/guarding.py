"""A finished run in the hands of a function of the user's: what it writes there is put back, and told.

Signals that are worked out from one run share its arrays and tensors, so one that writes into them would spoil those
after it in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from omnitrace_nb.capture.signal import is_ours
from omnitrace_nb.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.passes.finished import Finished

    Values = np.ndarray | Tensor


@contextmanager
def guarded(run: Finished, function: object, name: str) -> Iterator[None]:
    """Lend a run to a function of the user's, and have it back as it was; the package's own are trusted.

    Args:
        run: the run.
        function: what is going to be called.
        name: what an error calls it, such as "signal 'mine'".

    Raises:
        SignalError: the function has written into the run (which is as before).
    """
    if is_ours(function):
        yield
        return
    embedded = _embedded(run)
    kept = {what: (values, _copied(values)) for what, values in _pieces(run)}
    try:
        yield
    finally:
        changed = [what for what, (values, before) in kept.items() if _restored(values, before)]
        if _embedded(run) != embedded:  # or made inside, so that nobody knows what it was: it is made anew when wanted
            changed += ["forced"] if embedded else []
            run.__dict__.pop("forced", None)
    if changed:
        raise SignalError(
            f"{name} writes into the run that it is given ({', '.join(changed)}), which other signals read: let it "
            "work on a copy (`.copy()` of an array, `.clone()` of a tensor)"
        )


def _embedded(run: Finished) -> list[tuple[int, str]]:
    """Give how often the run's embeddings were written to, and their sums: a copy may be too large for the device."""
    if "forced" not in run.__dict__:
        return []
    own = [run.forced.embeddings, run.forced.targets, *run.forced.options.values()]
    return [(each._version, str(each.sum(dtype=torch.float64).item())) for each in own if isinstance(each, Tensor)]  # noqa: SLF001


def _pieces(run: Finished) -> Iterator[tuple[str, Values]]:
    """Give the arrays and tensors that signals read of a run, by name; decoded media are not among them."""
    for name in ("token_ids", "chars", "logprobs"):
        yield f"response.{name}", getattr(run.response, name)
    yield "statement_of", run.statement_of
    yield "weights", run.weights
    if isinstance(run.baseline, Mapping):
        for name, values in run.baseline.items():
            yield f"baseline[{name!r}]", values
    elif run.baseline is not None:
        yield "baseline", run.baseline
    for name in ("token_ids", "part", "modality", "chars", "box", "time"):
        yield f"encoded.layout.{name}", getattr(run.encoded.layout, name)
    for name, tensor in run.encoded.inputs.items():
        if isinstance(tensor, Tensor):
            yield f"encoded.inputs[{name!r}]", tensor
    for source in run.sources:
        yield f"sources[{source.id}].positions", source.positions
    for key, scores in run.replayed.items():
        yield f"replayed[{key!r:.40}]", scores


def _copied(values: Values) -> Values:
    return values.detach().clone() if isinstance(values, Tensor) else values.copy()


def _restored(values: Values, before: Values) -> bool:
    """Put values back to what they were; tell whether they were anything else."""
    if isinstance(values, Tensor):
        assert isinstance(before, Tensor)  # noqa: S101 - a copy of them
        with torch.no_grad():
            # Bit for bit, as far as numbers go: NaN stays NaN.
            same = bool(((values == before) | ((values != values) & (before != before))).all())  # noqa: PLR0124
            if not same:
                values.copy_(before)
        return not same
    assert isinstance(before, np.ndarray)  # noqa: S101 - a copy of them
    if values.tobytes() == before.tobytes():
        return False
    values[...] = before
    return True
