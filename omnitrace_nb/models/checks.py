"""What cannot be traced is refused at once, with the reason and what to do instead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from omnitrace_nb.errors import ModelError
from omnitrace_nb.models.context import sound_of, too_long, too_long_to_hear
from omnitrace_nb.models.rotary import context_length
from omnitrace_nb.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Adapter

DECODER_ONLY = "Only decoder-only models, which read the prompt and the response in one sequence, can be traced."

OVERRULED = "(A model that reads more than its configuration says: ot.load(..., max_positions=...).)"

# Settings of layers that read media from beside the sequence, and model types that write by denoising.
CROSS_ATTENTION = ("cross_attention_layers", "cross_layer_interval")
DIFFUSION = ("diffusion", "llada", "dream")


def check_adapter(given: object) -> None:
    """Refuse what cannot be an adapter: `ModelError`."""
    if not all(hasattr(given, name) for name in ("model", "modalities", "encode")):
        raise ModelError(
            f"{quoted(given)} is no adapter: give one, as omnitrace_nb.models.load makes it; a tracer of a model is "
            "made by ot.load(model, processor)."
        )


def check_config(config: PreTrainedConfig) -> None:
    """Refuse what the configuration alone shows to be no decoder-only model, before weights are loaded."""
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"{config.model_type!r} is an encoder-decoder: its prompt stands behind cross-attention. {DECODER_ONLY}"
        )
    text: Any = config.get_text_config()
    if any(getattr(one, name, None) for one in (config, text) for name in CROSS_ATTENTION):
        raise ModelError(
            f"{config.model_type!r} reads media by cross-attention: no position of its sequence holds them. "
            f"{DECODER_ONLY}"
        )
    if any(name in config.model_type.lower() for name in DIFFUSION):
        raise ModelError(
            f"{config.model_type!r} is a diffusion model: it writes a response all at once, not token after token. "
            f"{DECODER_ONLY}"
        )


def check_model(model: object) -> None:
    """Refuse a model that is no decoder-only transformers model able to generate.

    Raises:
        ModelError: another library's model, an encoder-decoder, an encoder, or a model without `generate`.
    """
    if isinstance(model, tuple):
        raise ModelError("A tuple was given: write ot.load(model, processor), two arguments.")
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"Expected a transformers model, a hub id or a folder, but {type(model).__name__} was given: "
            "load it by transformers' from_pretrained."
        )
    check_config(model.config)
    # A whole omni model's generate also speaks; what it says is its thinker's (or llm's), which is what is traced.
    reader = getattr(model, "thinker", getattr(model, "llm", model))
    if not reader.can_generate():
        raise ModelError(
            f"{type(model).__name__} cannot generate text: load it with its language model's head, by "
            f"AutoModelForCausalLM or the family's ...ForConditionalGeneration. {DECODER_ONLY}"
        )
    directions = {module.is_causal for module in reader.modules() if hasattr(module, "is_causal")}
    if directions == {False}:
        raise ModelError(
            f"{type(model).__name__} is an encoder, or reads its prompt like one: its attention looks in both "
            f"directions. {DECODER_ONLY}"
        )


def check_tokenizer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer with more ids than the model has embeddings: it is another model's."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer is not this model's: it has {len(tokenizer)} tokens, the model {rows} embeddings. "
            "Load both from the same place, or resize the model's embeddings after adding tokens."
        )


def check_length(owner: Adapter | PreTrainedModel, positions: int, layout: Layout, parts: Sequence[LoadedPart]) -> None:
    """Refuse a prompt that reaches beyond the positions that the model was made for.

    Args:
        owner: the adapter, or its model.
        positions: how far the prompt reaches: its tokens, or less where media share rotary positions.
        layout: of the prompt.
        parts: of the prompt; the message counts positions by part and says what to lower.

    Raises:
        ModelError: the prompt leaves no position for a response.
    """
    limit = most_positions(owner)
    if positions >= limit:
        raise ModelError(f"{too_long(positions, limit, layout, parts)} {OVERRULED}")


def check_heard(owner: Adapter | PreTrainedModel, parts: Sequence[LoadedPart], rate: float) -> None:
    """Refuse hours of sound before the processor turns them into features: what they take at least is known.

    Args:
        owner: the adapter, or the model.
        parts: of the prompt, decoded.
        rate: positions that a second of sound takes, at least.

    Raises:
        ModelError: the sounds alone leave no position for a response.
    """
    limit = most_positions(owner)
    heard = [sound for part in parts if (sound := sound_of(part.content)) is not None]
    # An encoder may lose a position at each end of a sound.
    fewest = sum(max(0, math.floor(rate * sound.duration) - 2) for sound in heard)
    if fewest >= limit:
        raise ModelError(f"{too_long_to_hear(fewest, limit, parts, rate)} {OVERRULED}")


def check_text(owner: Adapter | PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    """Refuse megabytes of text before they are tokenised: even the longest tokens would be too many."""
    limit = most_positions(owner)
    if len(text) <= limit:
        return
    fewest = len(text) // max(len(token) for token in tokenizer.get_vocab())
    if fewest >= limit:
        raise ModelError(
            f"The prompt has {len(text)} characters of text, {fewest} tokens or more, but this model reads at most "
            f"{limit}, the response included: shorten its texts. {OVERRULED}"
        )


def most_positions(owner: Adapter | PreTrainedModel) -> float:
    """Give how many positions a model reads: as its user says (`max_positions`), else as its configuration does."""
    given = getattr(owner, "max_positions", None)
    if given is not None:
        return int(given)
    model = owner if isinstance(owner, PreTrainedModel) else owner.model
    return context_length(model.config.get_text_config())


def home(model: PreTrainedModel) -> torch.device:
    """Give the device that a prompt's tensors belong on: that of the input embeddings, also under a `device_map`."""
    embeddings = model.get_input_embeddings()
    where: torch.device = embeddings.weight.device
    if where.type == "meta" and (hook := getattr(embeddings, "_hf_hook", None)) is not None:
        return torch.device(hook.execution_device)  # accelerate fetches the weights there for each forward
    return where
