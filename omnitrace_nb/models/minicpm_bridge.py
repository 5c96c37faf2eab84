"""MiniCPM-o 4.5's own code under today's transformers: what has changed since transformers 4.51, bridged.

The code comes with the checkpoint and is the user's: nothing of it is changed for longer than a call. Bridged are

- its audio layers, which expect the three values that `WhisperAttention` gave, where two are given now;
- its language model's own `prepare_inputs_for_generation`, which asks the cache for an attribute that is gone: a view
  of the language model, with the same weights, goes without;
- loading: transformers wants every package that the code names, those for speaking too, and a table of tied weights;
  and it leaves the resampler's table of positions, which no checkpoint holds, empty.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModel, GenerationConfig, PreTrainedModel, dynamic_module_utils

from omnitrace_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

VALUES = 3  # that an audio layer expects of its attention: output, weights, cache


def load_model(source: str, **settings: object) -> PreTrainedModel:
    """Load the model without its voice, which a trace has no use for: packages for speaking need not be there.

    Raises:
        ModelError: a package that the code cannot be imported without, by name.
    """
    try:
        with _importing_what_is_needed():
            model = AutoModel.from_pretrained(source, **{"init_tts": False, **settings})
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The code of the model {source!r} needs the package {error.name!r}: run `pip install {error.name}`."
        ) from error
    model.all_tied_weights_keys = getattr(model, "all_tied_weights_keys", {})
    if hasattr(model, "resampler"):
        model.resampler._set_2d_pos_cache(model.resampler.max_size, model.resampler.query.device)  # noqa: SLF001
    return model


def language_model(model: Any, ends: Sequence[int]) -> PreTrainedModel:  # noqa: ANN401 - transformers ships no types
    """Give a view of the language model: its modules and weights, transformers' own way to generate.

    Args:
        model: the whole model, which stays as it is.
        ends: the ids that end a response, for a model whose generation configuration names none.
    """
    view: Any = copy.copy(model.llm)
    vars(view).pop("prepare_inputs_for_generation", None)
    known = [getattr(each, "generation_config", None) for each in (model.llm, model)]
    chosen = next((each for each in known if each is not None and each.eos_token_id is not None), None)
    view.generation_config = copy.deepcopy(chosen) or GenerationConfig(eos_token_id=list(ends), pad_token_id=ends[-1])
    found: PreTrainedModel = view
    return found


@contextmanager
def encoding(model: Any) -> Iterator[None]:  # noqa: ANN401 - transformers ships no types
    """Run the encoders as in use: no dropout, no gradients, audio layers that get the values that they expect."""
    layers = model.apm.layers if hasattr(model, "apm") else ()
    resampler = getattr(model, "resampler", None)
    trained = [module for module in model.modules() if module.training]
    for module in trained:
        module.training = False
    hooks = [layer.self_attn.register_forward_hook(_three_values) for layer in layers]
    # The resampler makes its table of positions larger for long pictures.
    table = None if resampler is None else (resampler.max_size, resampler.pos_embed)
    try:
        with torch.no_grad():
            yield
    finally:
        for hook in hooks:
            hook.remove()
        for module in trained:
            module.training = True
        if resampler is not None and table is not None and resampler.pos_embed is not table[1]:
            resampler.max_size, resampler.pos_embed = table


def check_positions(model: Any) -> None:  # noqa: ANN401 - transformers ships no types
    """Refuse a model whose resampler lost its table of positions while it was loaded: it would see noise.

    Raises:
        ModelError: the first position is not the sines and cosines of 0.
    """
    table = getattr(getattr(model, "resampler", None), "pos_embed", None)
    if table is None or table.is_meta:
        return
    first = table[0, 0].float().cpu()
    if not torch.equal(first.sort().values, (torch.arange(len(first)) >= len(first) // 2).float()):
        raise ModelError(
            f"The {type(model).__name__} has lost the positions of its pictures, which transformers does not restore "
            "when it loads this model: load it by ot.load, with trust_remote_code=True."
        )


def _three_values(_attention: nn.Module, _args: object, values: Any) -> Any:  # noqa: ANN401 - a hook's
    return (*values, *[None] * (VALUES - len(values))) if isinstance(values, tuple) else values


@contextmanager
def _importing_what_is_needed() -> Iterator[None]:
    """Let Python itself say which imports are missing: it does not run those inside functions that are not called."""
    before = dynamic_module_utils.check_imports, PreTrainedModel.__dict__.get("all_tied_weights_keys")
    dynamic_module_utils.check_imports = dynamic_module_utils.get_relative_imports
    PreTrainedModel.all_tied_weights_keys = {}
    try:
        yield
    finally:
        dynamic_module_utils.check_imports = before[0]
        if before[1] is None:
            del PreTrainedModel.all_tied_weights_keys
        else:
            PreTrainedModel.all_tied_weights_keys = before[1]
