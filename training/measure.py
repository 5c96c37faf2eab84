"""How many answers are exactly right, by kind of question, while training.

Every token of an answer must be the most likely one given the right tokens before it: the same as greedy decoding
giving exactly that answer, at the cost of one forward pass.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from training.batches import Batch, as_batch, cut, draw, new_featurizer

HELD_OUT_SEED = 2


def held_out(presets: Sequence[str], each: int, tokens: int = 8000) -> list[Batch]:
    """Chats that training never draws: `each` of every preset."""
    featurizer = new_featurizer()
    chats = []
    for index, preset in enumerate(presets):
        rng = np.random.default_rng((HELD_OUT_SEED, index))
        chats += [draw(rng, {preset: 1.0}, featurizer) for _ in range(each)]
    return [as_batch(group, 0) for group in cut(chats, tokens)]


@torch.no_grad()
def exact(model: Qwen2_5OmniThinkerForConditionalGeneration, batches: Sequence[Batch]) -> dict[str, tuple[int, int]]:
    """(right, asked) by kind of question."""
    model.eval()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for batch in batches:
        inputs = batch.tensors()
        labels = inputs.pop("labels")
        predicted = model(**inputs).logits.argmax(-1)
        for row, kind, start, end in batch.turns:
            counts[kind][0] += bool((predicted[row, start - 1 : end - 1] == labels[row, start:end]).all())
            counts[kind][1] += 1
    model.train()
    return {kind: (right, asked) for kind, (right, asked) in sorted(counts.items())}
