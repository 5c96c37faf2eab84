"""A model whose answer provably depends on one sentence: a Llama with every weight set by hand.

It writes the letter that belongs to the digit in its prompt: "A" for 0, "B" for 1, ..., over and over. The last of its
two layers does it: at every position, both heads look for digits (a query that is the same everywhere meets a key that
only digits have); the first head's value says which digit, and the output head turns that into the letter's logit.
Nothing else moves a logit, but for the share of attention that other positions take: the first layer only adds the same
to every position (or scaling an embedding would change nothing, by RMSNorm), and letters are no digits, so that earlier
words of the response do not matter. With `decoy=True` the second head looks at the word "honey" instead, and
writes nothing all the same: plain attention is misled, what is faithful is not.
"""

from __future__ import annotations

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from omnitrace_nb import models
from omnitrace_nb.content import Text
from omnitrace_nb.media import load
from omnitrace_nb.sources import build
from omnitrace_nb.trace.records import PartRecord
from tests.runs import finished
from tests.toys import make_generation_config, make_tokenizer

SENTENCES = (
    "The harbour was quiet.",
    "Mia sells honey.",
    "The market was busy in the morning.",
    "Hugo sells clocks.",
    "What is it?",
)
DIGIT, DECOY, LETTER, SAME, NOISE = 10, 11, 12, 22, 23  # dimensions; 0-9 say which digit, 12-21 which letter
SIZE, HEADS, SHARPNESS, GAIN = 32, 2, 3.5, 2.1


def planted_model(*, decoy=False, activation="silu"):
    """Give the adapter of the planted model; its MLPs, which do next to nothing, activate by "silu" or "relu"."""
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=SIZE,
        intermediate_size=8,
        hidden_act=activation,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1e15},  # the last pair of dimensions never turns
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    model.generation_config = make_generation_config(tokenizer)
    with torch.no_grad():
        _write(model, tokenizer, decoy=decoy)
    return models.adapt(model, tokenizer)


def planted_text(source, digit=7):
    """Give a prompt of five sentences, of which one (0 to 4) holds the digit."""
    words = [text.split(" ") for text in SENTENCES]
    words[source].insert(-1, str(digit))
    return " ".join(" ".join(each) for each in words)


def planted_run(source, *, decoy=False, activation="silu", steps=4, digit=7, **pieces):
    """Give the finished run of a planted prompt, one source a sentence; the response is the digit's letter."""
    adapter, text = planted_model(decoy=decoy, activation=activation), planted_text(source, digit)
    loaded = load((Text(text),), adapter.needs, adapter.modalities)
    encoded = adapter.encode(loaded)
    records = [PartRecord(0, "text", "user", "text 1", "", text=text)]
    letter = adapter.tokenizer.convert_tokens_to_ids(chr(ord("A") + digit))
    return finished(
        adapter,
        encoded,
        [letter] * steps,
        loaded=loaded,
        records=records,
        sources=build(encoded.layout, records),
        statements=[(0, steps)],
        statement_of=np.zeros(steps, np.int64),
        **pieces,
    )


def _write(model, tokenizer, *, decoy):
    for weight in model.parameters():
        weight.zero_()
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.weight.fill_(1)
    ids = tokenizer.convert_tokens_to_ids
    embeddings = model.get_input_embeddings().weight
    embeddings[:, SAME] = 1
    noise = torch.randn(len(embeddings), SIZE - NOISE, generator=torch.Generator().manual_seed(0))
    embeddings[:, NOISE:] = noise / noise.norm(dim=1, keepdim=True)
    for digit in range(10):
        embeddings[ids(str(digit)), [digit, DIGIT]] = 1
        model.lm_head.weight[ids(chr(ord("A") + digit)), LETTER + digit] = GAIN
    for token in tokenizer.tokenize(" honey"):
        embeddings[ids(token), DECOY] = 1
    mlp = model.model.layers[0].mlp
    mlp.gate_proj.weight[0, SAME], mlp.up_proj.weight[0, SAME], mlp.down_proj.weight[SAME, 0] = 1, 0.25, 0.5
    attention = model.model.layers[1].self_attn
    each = SIZE // HEADS
    for head, wanted in enumerate([DIGIT, DECOY if decoy else DIGIT]):
        attention.q_proj.weight[(head + 1) * each - 1, SAME] = SHARPNESS
        attention.k_proj.weight[(head + 1) * each - 1, wanted] = 1
    for digit in range(10):
        attention.v_proj.weight[digit, digit] = 1
        attention.o_proj.weight[LETTER + digit, digit] = 2
