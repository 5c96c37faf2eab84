"""Where the language model's weights begin: random, leant towards looking things up.

Looking up a fact ("What does Mia sell?" ... "Mia sells") needs two steps of attention: heads that carry what stood
one and two tokens back, and a later head that, from a token after "Mia", finds the token two places after an earlier
"Mia" and copies it (an induction head). Started from plain noise, so small a model takes hundreds of thousands of
prompts to find them. Here the first two layers begin with such heads, roughly set; they are ordinary weights that
training refines or undoes.
"""

import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAttention

OFFSETS = (1, 2)
OFFSET_STRENGTH = 5.0
OFFSET_FREQUENCIES = 5
CONTENT_STRENGTH = 0.3
CARRIED = 0.27
MATCH_STRENGTH = 1.5
MATCH_FREQUENCIES = slice(6, None)
COPIERS = (0, 1)
KEYS_LIKE_QUERIES = 0.7
HEAD_LIKE_EMBEDDING = 0.7
QUIET_MLP = 0.2


@torch.no_grad()
def lean(model: Qwen2_5OmniThinkerForConditionalGeneration) -> None:
    """Lean a fresh model's attention towards looking up.

    In the other heads keys begin close to queries, so that like attends to like ("mimetic initialisation", Trockman
    and Kolter 2023).
    """
    language_model = model.model.language_model
    for layer in language_model.layers:
        attention = layer.self_attn
        attention.k_proj.weight.lerp_(attention.q_proj.weight, KEYS_LIKE_QUERIES)
        layer.mlp.down_proj.weight *= QUIET_MLP
    model.lm_head.weight.lerp_(language_model.embed_tokens.weight, HEAD_LIKE_EMBEDDING)
    carriers, finders = (language_model.layers[index].self_attn for index in (0, 1))
    size, hidden = carriers.head_dim, carriers.hidden_size
    places = torch.linalg.qr(torch.randn(hidden, size * len(OFFSETS))).Q.split(size, dim=1)
    reading = torch.linalg.qr(torch.randn(hidden, size)).Q.T
    for head, (offset, place) in enumerate(zip(OFFSETS, places, strict=True)):
        look_back(carriers, head, offset, language_model.rotary_emb.inv_freq)
        rows = slice(head * size, (head + 1) * size)
        carriers.v_proj.weight[rows] = reading * CARRIED
        carriers.o_proj.weight[:, rows] = place
    gain = torch.full((size // 2,), CONTENT_STRENGTH)
    gain[MATCH_FREQUENCIES] = MATCH_STRENGTH
    gain = gain.repeat(2)[:, None]
    for head in COPIERS:
        rows = slice(head * size, (head + 1) * size)
        finders.q_proj.weight[rows] = gain * places[0].T
        finders.k_proj.weight[rows] = gain * places[1].T
        copied = torch.linalg.qr(torch.randn(hidden, size)).Q
        finders.v_proj.weight[rows] = copied.T
        finders.o_proj.weight[:, rows] = copied


def look_back(attention: Qwen2_5OmniAttention, head: int, offset: int, frequencies: torch.Tensor) -> None:
    """Let a head attend `offset` tokens back by its biases alone.

    Rotary positions turn the key's bias by `frequency * position`; a query's bias turned back by `frequency * offset`
    points the same way exactly when the key stands `offset` tokens before the query.
    """
    size, half = attention.head_dim, attention.head_dim // 2
    rows = slice(head * size, (head + 1) * size)
    turn = frequencies[:OFFSET_FREQUENCIES] * offset
    key, query = torch.zeros(size), torch.zeros(size)
    key[:OFFSET_FREQUENCIES] = OFFSET_STRENGTH
    query[:OFFSET_FREQUENCIES] = OFFSET_STRENGTH * turn.cos()
    query[half : half + OFFSET_FREQUENCIES] = -OFFSET_STRENGTH * turn.sin()
    attention.k_proj.bias[rows] = key
    attention.q_proj.bias[rows] = query
    attention.k_proj.weight[rows] *= CONTENT_STRENGTH
    attention.q_proj.weight[rows] *= CONTENT_STRENGTH
