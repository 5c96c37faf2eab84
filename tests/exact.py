"""What a decode should give, by slower, exact computations: the model's own eager attention in full re-forwards."""

from __future__ import annotations

import contextlib

import numpy as np
import torch

from omnitrace_nb import signals
from omnitrace_nb.capture import decode

ONLINE = ("attmean", "rawatt", "attgrads", "excess")


def chosen(*names):
    return [signals.get(name) for name in names]


@contextlib.contextmanager
def eager(adapter):
    """The model with transformers' own eager attention, which gives whole attention matrices."""
    config = adapter.decoder().config
    before = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield adapter.model
    finally:
        config._attn_implementation = before


def eager_forward(adapter, encoded, response):
    """A full forward over prompt and response, by the model's own inputs: logits and `[layers, heads, q, k]`."""
    ids = torch.cat([encoded.inputs["input_ids"], response[None]], 1)
    inputs = {**encoded.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "position_ids" in inputs:
        positions = inputs["position_ids"]
        more = positions[..., -1:] + torch.arange(1, len(response) + 1)
        inputs["position_ids"] = torch.cat([positions, more], -1)
    with eager(adapter) as model:
        outputs = model(**inputs, **encoded.options, output_attentions=True, use_cache=False)
    return outputs.logits[0], outputs.attentions


def exact(adapter, encoded, tokens, baseline):
    """Every online signal by its definition, from one full eager re-forward for each token."""
    n, width = len(encoded.layout), len(encoded.layout) + len(tokens)
    tables = {name: np.zeros((len(tokens), width), np.float32) for name in ONLINE}
    response = torch.as_tensor(tokens)
    for step in range(len(tokens)):
        logits, attentions = eager_forward(adapter, encoded, response[:step])
        (gradient,) = torch.autograd.grad(logits[-1, response[step]], attentions[-1], retain_graph=True)
        stacked = torch.stack([layer.detach()[0].float() for layer in attentions])
        row, p = stacked[:, :, -1], n + step
        mean = row.mean((0, 1))
        usual = torch.zeros(p)
        usual[:n] = stacked[:, :, baseline, :n].mean((0, 1, 2))
        tables["attmean"][step, :p] = mean
        tables["rawatt"][step, :p] = row[-1].mean(0)
        tables["excess"][step, :p] = (mean - usual).clamp(min=0)
        tables["attgrads"][step, :p] = (gradient[0, :, -1].float() * row[-1]).mean(0).clamp(min=0)
    return tables


def plain(adapter, encoded, **generation):
    with torch.no_grad():
        ids = adapter.model.generate(**encoded.inputs, **encoded.options, **generation)
    return ids[0, len(encoded.layout) :].tolist()


def assert_exact(adapter, encoded, *, steps=6, tolerance=1e-5, **generation):
    n = len(encoded.layout)
    baseline = np.arange(n - 5, n)
    got = decode(adapter, encoded, chosen(*ONLINE), baseline, progress=False, max_new_tokens=steps, **generation)
    assert got.token_ids.tolist() == plain(adapter, encoded, max_new_tokens=steps, **generation)
    for name, wanted in exact(adapter, encoded, got.token_ids, baseline).items():
        scale = max(1e-12, np.abs(wanted).max())
        np.testing.assert_allclose(got.scores[name] / scale, wanted / scale, atol=tolerance, err_msg=name)
        assert wanted.any(), name
    return got


class LayerByLayer:
    """A listener that keeps every row of every layer."""

    def __init__(self, decoder):
        """Take the language model."""
        self.modules = {id(module): module for module in decoder.modules()}
        self.forwards = [{}]

    def hears(self, module):
        """Tell whether it is one of the language model's."""
        return id(module) in self.modules

    def attend(self, module, call):
        """Keep the rows."""
        output, row = call.single() if call.queries == 1 else (call.output(), call.rows(torch.arange(call.queries)))
        self.forwards[-1][module.layer_idx] = row
        return output
