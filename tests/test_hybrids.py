"""Models that mix positions without attention: what a refusal names in its place does work on them."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from transformers import Lfm2Config, Lfm2ForCausalLM, MambaConfig, MambaForCausalLM

import omnitrace_nb as ot
from omnitrace_nb import signals
from omnitrace_nb.capture.borrow import WITHOUT_ATTENTION
from omnitrace_nb.errors import SignalError
from tests.toys import make_generation_config, make_tokenizer

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
SHORT = {"max_new_tokens": 3, "min_new_tokens": 3, "progress": False}


@pytest.fixture(
    scope="module",
    params=[
        (Lfm2ForCausalLM, Lfm2Config, {"layer_types": ["conv", "full_attention", "conv"]}),
        (MambaForCausalLM, MambaConfig, {"state_size": 4}),
    ],
    ids=["hybrid", "state space"],
)
def tracer(request):
    kind, config, own = request.param
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    more = {"num_key_value_heads": 2, "initializer_range": 0.2, "vocab_size": len(tokenizer)}
    model = kind(config(**sizes, **ends, **more, **own)).eval()
    model.generation_config = make_generation_config(tokenizer)
    return ot.load(model, tokenizer)


def named_instead(message):
    """Give the signals that a refusal tells to ask for."""
    name, method, operator = re.search(r'(\w+) or ot\.signals\.ablate\("(\w+)", operator="(\w+)"\)', message).groups()
    return [signals.get(name), signals.ablate(method, operator=operator)]


def test_attention_is_refused_with_signals_that_do_work(tracer):
    with pytest.raises(SignalError, match="does not all show as attention") as caught:
        tracer.trace(PROMPT, "attmean", **SHORT)
    instead = named_instead(str(caught.value))
    trace = tracer.trace(PROMPT, instead, **SHORT)
    for signal in instead:
        assert "failed" not in trace.run.signals[signal.label]
        assert np.abs(trace.mass(signal.label)).sum(0).all()  # every sentence moves the response


def test_so_are_flows(tracer):
    with pytest.warns(RuntimeWarning, match="rollout failed"):
        trace = tracer.trace(PROMPT, "rollout", **SHORT)
    instead = named_instead(trace.run.signals["rollout"]["failed"])
    more = tracer.add(trace, instead, progress=False)
    assert all(np.abs(more.mass(signal.label)).sum(0).all() for signal in instead)
    assert WITHOUT_ATTENTION in trace.run.signals["rollout"]["failed"]
