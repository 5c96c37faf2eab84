"""Small random text models of any family, with the least of an adapter: ids in, ids out."""

from __future__ import annotations

import torch

from omnitrace_nb.layout import Layout
from omnitrace_nb.models.adapter import Encoded

SMALL = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": None,
    "pad_token_id": 0,
}


class Bare:
    """The smallest adapter."""

    def __init__(self, model):
        """Take the model."""
        self.model, self.tokenizer = model.eval(), None

    def decoder(self):
        """Give the language model."""
        return self.model.get_decoder()

    def embed(self, encoded, response_ids):
        """Embed prompt and response."""
        ids = torch.cat([encoded.inputs["input_ids"], response_ids[None]], 1)
        return self.model.get_input_embeddings()(ids), {"attention_mask": torch.ones_like(ids)}

    def forward(self, embeddings, **options):
        """Run the model."""
        return self.model(inputs_embeds=embeddings, **options)


def bare(kind, config, **changes):
    """Give the adapter of a model class and its configuration class, always with the same weights."""
    torch.manual_seed(3)
    return Bare(kind(config(**{**SMALL, **changes})))


def prompt(length=21, seed=0):
    """Give a prompt of random tokens."""
    ids = torch.randint(2, 101, (1, length), generator=torch.Generator().manual_seed(seed))
    return Encoded({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, {}, Layout.blank(ids[0].numpy()))
