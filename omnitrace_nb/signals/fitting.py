"""Fitting weights over attention heads to what ablation says (AT2, Cohen-Wang et al. 2025, arXiv 2504.13752)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from tqdm.auto import tqdm

from omnitrace_nb.ablation import OPERATORS
from omnitrace_nb.arguments import told
from omnitrace_nb.errors import SettingsError, SignalError
from omnitrace_nb.passes import Cost, Per
from omnitrace_nb.quoting import quoted
from omnitrace_nb.signals.learned import Heads, Over, fingerprint
from omnitrace_nb.signals.lessons import Lesson, fitted
from omnitrace_nb.trace import Trace
from omnitrace_nb.values import is_whole, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omnitrace_nb.passes import Finished
    from omnitrace_nb.tracer import Tracer

FEWEST = 3  # masks; fewer say nothing of a correlation


@told(over=str, operator=str, masks=int, keep=(int, float), per=str, penalty=(int, float), seed=int, progress=bool)
def fit_heads(
    tracer: Tracer,
    prompts: Iterable[object],
    *,
    over: Over = "excess",
    operator: str = "mask",
    masks: int = 32,
    keep: float = 0.5,
    per: Per = "statement",
    penalty: float = 0.03,
    seed: int = 0,
    progress: bool = True,
) -> Heads:
    """Find the weights over a model's heads with which attention says best what ablation says.

    For each prompt, sources are hidden at random and the log-probability of each target is noted. The weights are those
    whose masses, added up over the sources kept, correlate best with it (Pearson, averaged over targets). They start
    from the plain mean over heads, and are drawn back to it.

    Args:
        tracer: the model.
        prompts: contents as `tracer.trace` takes them, answered greedily; or traces of this model.
        over: weigh each head's "attention", as AT2 does, or its "excess" over the prompt's rows after the last source.
        operator: how sources are hidden, as in `signals.ablate`.
        masks: random sets of sources a prompt, each one forward at most.
        keep: the chance of a source to be kept.
        per: what is a target: each "statement", each "step", or the whole "response".
        penalty: how strongly weights are drawn back, in units of the correlation.
        seed: of the random sets.
        progress: show a bar that counts prompts.

    Returns:
        the weights. A KeyboardInterrupt gives those fitted on the prompts done so far.

    Raises:
        SettingsError: numbers out of range, or no prompt in which hiding sources changes anything.
        SignalError: an operator or model that does not allow it.
    """
    if not callable(getattr(tracer, "finished", None)):
        raise SettingsError(f"tracer={quoted(tracer)}: expected a Tracer, as ot.load gives it")
    if isinstance(prompts, (str, bytes, Mapping)) or not isinstance(prompts, Iterable):
        raise SettingsError(f"prompts={quoted(prompts)}: expected a list of prompts or of traces")
    _check(
        {"over": over, "operator": operator, "per": per, "masks": masks}
        | {"keep": keep, "penalty": penalty, "seed": seed}
    )
    generator, spent = np.random.default_rng(seed), Cost()
    done, lessons = 0, []
    try:
        for run in _runs(tracer, list(prompts), progress=progress):
            if run.steps and len(run.sources) > 1:
                kept = generator.random((masks, len(run.sources))) < keep
                lesson = _lesson(run, over, operator, kept, per)
                spent.add(**run.cost.since(Cost()))
                lessons += [lesson] if lesson.groups else []
            done += 1
    except KeyboardInterrupt:
        if not lessons:
            raise
    if not lessons:
        raise SettingsError(
            f"none of {done} prompts has several sources and a response that changes when they are hidden: give others"
            " or more of them"
        )
    weights, plain, correlation = fitted(lessons, penalty)
    about = {
        "prompts": done,
        "targets": sum(len(lesson.groups) for lesson in lessons),
        "operator": operator,
        "masks": masks,
        "keep": keep,
        "per": per,
        "penalty": penalty,
        "seed": seed,
        # Both on the very prompts that were fitted.
        "correlation": round(correlation, 4),
        "correlation_of_plain_mean": round(plain, 4),
        "forwards": spent.forwards,
        "tokens": spent.tokens,
    }
    return Heads(weights, over, fingerprint(tracer.adapter, *weights.shape), about)


def _runs(tracer: Tracer, prompts: list[object], *, progress: bool) -> Iterator[Finished]:
    """Answer each prompt; an interrupted answer is none."""
    for prompt in tqdm(prompts, desc="fitting heads", unit="prompt", disable=not progress, leave=False):
        if isinstance(prompt, Trace):
            yield tracer.finished(prompt, progress=False)
            continue
        trace = tracer.trace(prompt, signals="attmean", do_sample=False, progress=False)
        if trace.response_record.stopped == "interrupted":
            raise KeyboardInterrupt
        yield tracer.finished(trace, content=prompt, progress=False)


def _lesson(run: Finished, over: Over, operator: str, kept: np.ndarray, per: Per) -> Lesson:
    lesson = Lesson.of(run, over, operator, kept, per)
    if run.interrupted:
        raise KeyboardInterrupt
    return lesson


def _check(settings: Mapping[str, Any]) -> None:
    for keyword, allowed in (("over", get_args(Over)), ("operator", tuple(OPERATORS)), ("per", get_args(Per))):
        if settings[keyword] not in allowed:
            kind = SignalError if keyword == "operator" else SettingsError
            raise kind(f"{keyword}={settings[keyword]!r}: expected {' or '.join(map(repr, allowed))}")
    for keyword, least in (("masks", FEWEST), ("seed", 0)):
        given = settings[keyword]
        if not is_whole(given) or given < least:
            raise SettingsError(f"{keyword}={given!r}: expected a whole number from {least} on")
    keep, penalty = settings["keep"], settings["penalty"]
    if not 0 < number_of(keep) < 1:
        raise SettingsError(f"keep={keep!r}: expected a chance between 0 and 1")
    if not 0 <= number_of(penalty) < inf:
        raise SettingsError(f"penalty={penalty!r}: expected a number from 0 on")
