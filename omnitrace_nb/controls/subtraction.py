"""Controls that read the response again on a prompt without its evidence, and subtract what is scored there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from omnitrace_nb import passes
from omnitrace_nb.arguments import told
from omnitrace_nb.capture.signal import Control
from omnitrace_nb.controls.arithmetic import mean_step, without_habit
from omnitrace_nb.controls.foils import embedded, fingerprint
from omnitrace_nb.controls.prompts import evidence, nulled, swapped
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.planning import again, needing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omnitrace_nb.capture.signal import Signal
    from omnitrace_nb.passes import Finished

What = Literal["null", "swapped"]
Per = Literal["response", "step"]
_SUMMARIES = {
    "null": "minus the scores on a prompt whose sources are their modality's mean",
    "swapped": "minus the scores on a prompt whose parts of one kind have changed places",
}


@told(what=str, foils=(list, tuple, object), per=str)
def minus(what: What = "null", *, foils: Sequence[object] = (), per: Per = "response") -> Control:
    """Give `minus_null` or `minus_swapped` with other settings: subtract what the same positions get without evidence.

        a'_t(i) = a_t(i) - mean over the steps s of a0_s(i)       per="response"
        a'_t(i) = a_t(i) - a0_t(i)                                per="step"

    a0 are the signal's scores of the same response on another prompt: the input embeddings of every source but the
    question's are the mean of their modality's embeddings ("null"), or those of another part ("swapped", see
    `prompts.swapped`). Differences stay signed, and generated positions as they are. Without such sources nothing is
    subtracted. It costs what the signal costs over a finished run: of an attention signal, one decode.

    Args:
        what: the other prompt.
        foils: for "swapped": pictures, sounds, films or texts, as a prompt's parts, that take the place of every part
            of their kind; the first of each modality counts, of a film both its frames and its sound. The control's
            name tells how many there are, and a hash of what they hold (of a file: of its path).
        per: what is subtracted: a position's mean over the response, its habit, or its score at the same step. A model
            that finds its evidence by its place looks there in any prompt, which the second takes for a habit.

    Raises:
        SettingsError: an unknown setting, foils for a null prompt, or foils that are no list.
    """
    if what not in tuple(_SUMMARIES) or per not in ("response", "step"):
        raise SettingsError(f"what={what!r}, per={per!r}: use 'null' or 'swapped', and 'response' or 'step'")
    if not isinstance(foils, (list, tuple)):
        raise SettingsError(f"foils={foils!r}: expected a list of parts")
    if foils and what == "null":
        raise SettingsError("foils take the place of parts in a swapped prompt: use what='swapped'")

    given = (what, fingerprint(foils))

    @needing(again)
    def apply(scores: np.ndarray, run: Finished, signal: Signal) -> np.ndarray:
        if not len(evidence(run)):
            return scores
        if run.interrupted:
            return np.full_like(scores, np.nan)
        if given not in run.variants:
            run.variants[given] = _other(run, foils if what == "swapped" else None)
        other = run.variants[given]
        there = _scored(other, signal)
        run.interrupted = other.interrupted
        if per == "response":
            return without_habit(scores, mean_step(there)) if not run.interrupted else np.full_like(scores, np.nan)
        kept = scores.astype(np.float64)
        kept[:, : run.prompt] -= there
        kept[np.isnan(there).all(axis=1)] = np.nan
        return kept

    changed = [f"foils={len(foils)}:{given[1]}"] * bool(foils) + [f"per={per}"] * (per != "response")
    return Control(f"minus_{what}" + (f"({', '.join(changed)})" if changed else ""), _SUMMARIES[what], apply)


def _other(run: Finished, foils: Sequence[object] | None) -> Finished:
    """Give the run on the other prompt: null, or with parts exchanged, if there are foils for those."""
    layout, own = run.encoded.layout, evidence(run)
    edit = (
        nulled(layout, own) if foils is None else swapped(layout, own, embedded(run.adapter, foils) if foils else None)
    )
    before = run.edit
    other = run.but(edit=edit if before is None else lambda embeddings: edit(before(embeddings)))
    other.reading = run.reading
    return other


def _scored(run: Finished, signal: Signal) -> np.ndarray:
    """Give the signal's scores `[T, n]` of another run's prompt, NaN for steps that were not reached or not finite."""
    found = passes.score(run, [signal])
    scores, note = found.scores[signal.label][:, : run.prompt].copy(), found.notes[signal.label]
    scores[note["steps"] :] = np.nan
    scores[note.get("not_finite", [])] = np.nan
    return scores


minus_null = minus("null")
minus_swapped = minus("swapped")
