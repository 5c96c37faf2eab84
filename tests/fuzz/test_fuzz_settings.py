"""Any settings of generation and any given response: a trace or an OmnitraceError, and the tracer goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

import omnitrace_nb as ot
from omnitrace_nb.errors import OmnitraceError

PROMPT = ["Mia sells honey.", "Who?"]
NAMES = sorted(name for name in GenerationConfig().to_dict() if not name.startswith("_"))
NAMES += ["tokenizer", "negative_prompt_ids", "synced_gpus", "custom_generate", "logits_processor", "stopping_criteria"]
NAMES += ["generation_config", "streamer", "inputs", "seed", "no_such_setting"]
LENGTHS = ("max_new_tokens", "max_length")  # which a case may lower, never raise
SIGNALS = ("attmean", "excess", "attgrads")


@pytest.fixture(scope="module")
def tracer(toy_text):
    return ot.load(*toy_text)


def value(rng):
    """Give a value of a random kind."""
    number, small = float(rng.normal(0, 3)), int(rng.integers(-3, 9))
    kinds = [
        lambda: small,
        lambda: number,
        lambda: bool(small % 2),
        lambda: None,
        lambda: rng.choice(["static", "quantized", "dynamic", "", "e", "auto", "hot"]).item(),
        lambda: rng.integers(-2, 500, rng.integers(0, 4)).tolist(),
        lambda: [rng.integers(0, 430, rng.integers(0, 3)).tolist()],
        lambda: {"bias": number, small: number},
        lambda: rng.normal(size=rng.integers(0, 3)),
        lambda: torch.as_tensor(rng.integers(0, 420, (1, 2))),
        lambda: np.int64(small),
        lambda: float(rng.choice([np.nan, np.inf, -np.inf, 1e30])),
        object,
        lambda: lambda *_: number,
    ]
    return kinds[rng.integers(len(kinds))]()


def response(rng, vocabulary):
    """Give a response that may be one, or not."""
    ids = rng.integers(0, vocabulary, rng.integers(1, 9))
    letters = "".join(chr(code) for code in rng.choice([32, 65, 10, 9, 0, 0x20AC, 0x1F642, 0xD800, 0x300], 6))
    kinds = [lambda: ids, ids.tolist, lambda: torch.as_tensor(ids), lambda: letters, lambda: "<|im_end|>" + letters]
    kinds += [lambda: ids.astype(float), lambda: ids - 9, lambda: ids * 99, lambda: [ids.tolist(), "a"]]
    kinds += [lambda: value(rng), lambda: "Mia sells honey. " * int(rng.integers(0, 3))]
    return kinds[rng.integers(len(kinds))]()


def settings(rng):
    """Give one to three settings, and a length that ends the run soon."""
    chosen = {str(name): value(rng) for name in rng.choice(NAMES, rng.integers(1, 4), replace=False)}
    for name in LENGTHS:
        if isinstance(chosen.get(name), int | float | np.number) and not chosen[name] < 9:
            del chosen[name]
    return {"max_new_tokens": 3, **chosen}


@pytest.mark.fuzz(rounds=200, seconds=5)
def test_any_settings_and_any_response_give_a_trace_or_an_error_that_says_why(cases, tracer):
    model = tracer.adapter.model
    usual = tracer.trace(PROMPT, SIGNALS, max_new_tokens=3, progress=False)
    own = model.generation_config.to_dict()
    for seed in cases:
        rng = np.random.default_rng(seed)
        keywords = settings(rng) if rng.random() < 0.6 else {"response": response(rng, len(tracer.adapter.tokenizer))}
        wanted = str(rng.choice(SIGNALS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of transformers, about settings that say nothing
            try:
                trace = tracer.trace(PROMPT, wanted, progress=False, **keywords)
            except OmnitraceError:
                continue
            except Exception as error:  # noqa: BLE001 - the seed is told
                pytest.fail(f"seed {seed}: {keywords}: {type(error).__name__}: {error}")
        assert np.isfinite(trace.mass(wanted)).all(), f"seed {seed}: {keywords}"
        assert trace.to_markdown(), f"seed {seed}"
    assert model.generation_config.to_dict() == own
    assert tracer.trace(PROMPT, SIGNALS, max_new_tokens=3, progress=False).steps.equals(usual.steps)
