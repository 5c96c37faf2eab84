"""Self-attribution: the model is asked what each of its statements rests on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from omnitrace_nb import planning
from omnitrace_nb.capture import decode
from omnitrace_nb.content.parts import Text
from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import LoadedPart
from omnitrace_nb.numbering import numbers
from omnitrace_nb.passes.choices import in_turns, refuse_edited
from omnitrace_nb.signals.registry import register
from omnitrace_nb.signals.replies import asked, read_reply
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from omnitrace_nb.passes import Finished

TOKENS_FOR_A_STATEMENT, MOST_TOKENS = 96, 2048


@register(
    "self_attribution",
    over="run",
    family="baseline",
    cost="a response of its own",
    source="OmniTrace, arXiv 2604.13073, appendices B.1 and C.2.1",
    need=planning.decoding,
)
def self_attribution(run: Finished) -> np.ndarray:
    """The model's own word: it is asked for each statement's sources, and its reply is read strictly.

    The prompt is put to the model again with the request behind it, decoded greedily. Each source that the reply names
    for a statement has a mass of 1. A statement whose entry breaks the form has none; the run's notes say why, and what
    the reply was. Under controls that edit the prompt's embeddings it is refused (`SignalError`).
    """
    refuse_edited(run, "self_attribution", "is asked about the content as it was given")
    if not run.statements or not run.sources:
        return np.zeros((run.steps, run.prompt), np.float32)
    texts = [run.response.text[start:end] for start, end in run.statements]
    request = asked(texts, run.sources, run.records)
    part = LoadedPart(len(run.loaded), Text(request), request, hashlib.sha256(request.encode()).hexdigest())
    try:
        reply = _reply(run, part)
    except KeyboardInterrupt:
        run.interrupted = True
        return np.full((run.steps, run.prompt), np.nan, np.float32)
    except ModelError as error:
        return in_turns(run, _told(run, np.zeros((len(texts), len(run.sources))), {-1: f"could not be asked: {error}"}))
    chosen, bad = read_reply(reply, len(texts), run.sources, run.records)
    return in_turns(run, _told(run, chosen, bad, reply))


def _reply(run: Finished, request: LoadedPart) -> str:
    encoded = run.adapter.encode([*run.loaded, request])
    most = min(MOST_TOKENS, TOKENS_FOR_A_STATEMENT * (1 + len(run.statements)))
    got = decode(run.adapter, encoded, [], progress=run.progress, do_sample=False, max_new_tokens=most)
    run.cost.add(forwards=len(got.token_ids), tokens=len(encoded.layout) + len(got.token_ids) - 1)
    if got.stopped == "interrupted":
        raise KeyboardInterrupt
    return b"".join(run.adapter.token_bytes(got.token_ids.tolist())).decode(errors="replace")


def _told(run: Finished, chosen: np.ndarray, bad: dict[int, str], reply: str = "") -> np.ndarray:
    """Report what was wrong with the reply; give the choices."""
    run.reports["self_attribution"] = {
        "reply": reply,
        "bad": [
            {"number": number, "problem": each}
            for number, each in zip(numbers(bad).tolist(), bad.values(), strict=True)
        ],
    }
    if bad:
        warn(
            f"self_attribution: {next(iter(bad.values()))}; no source is credited for "
            f"{'any statement' if -1 in bad else f'{len(bad)} of {len(chosen)} statements'} "
            "(trace.run.signals['self_attribution'] has the reply)"
        )
    return chosen
