"""Generation settings, checked before any heavy work: what `generate` knows and a trace can follow."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, StoppingCriteriaList

from omnitrace_nb.capture import caches
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.quoting import quoted
from omnitrace_nb.transformers_names import CACHES, StopStringCriteria
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_NEW_TOKENS = 256
FIRST_STEPS = ("last", "prompt_mean")

_OBJECTS = frozenset(
    {"generation_config", "logits_processor", "stopping_criteria", "prefix_allowed_tokens_fn", "streamer", "tokenizer"}
)
_NEGATIVE = frozenset({"negative_prompt_ids", "negative_prompt_attention_mask"})
_KNOWN = frozenset(name for name in GenerationConfig().to_dict() if not name.startswith("_"))
_KNOWN |= _OBJECTS | _NEGATIVE

_ONE_SEQUENCE = "a trace follows one sequence"
_ONE_MODEL = "a trace needs every token to come from a step of the model itself"
_OWN_RECORD = "the trace records what it needs itself"
_CONTENT = "the prompt is what trace is given as content"
_READ_HERE = "the prompt is read from its beginning; cache_implementation= says how it is kept"
_REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "num_beams": ((None, 1), f"{_ONE_SEQUENCE}, not beams; use greedy decoding or do_sample=True"),
    "num_return_sequences": ((None, 1), f"{_ONE_SEQUENCE}; call trace once for each"),
    "num_beam_groups": ((None, 1), f"{_ONE_SEQUENCE}, not beams"),
    "constraints": ((None,), f"{_ONE_SEQUENCE}, not beams"),
    "force_words_ids": ((None,), f"{_ONE_SEQUENCE}, not beams"),
    "assistant_model": ((None,), f"{_ONE_MODEL}; leave the assistant out"),
    "assistant_early_exit": ((None,), _ONE_MODEL),
    "prompt_lookup_num_tokens": ((None,), _ONE_MODEL),
    "use_mtp": ((None, False), _ONE_MODEL),
    "penalty_alpha": ((None, 0), "contrastive search is not followed; use do_sample=True"),
    "dola_layers": ((None,), "DoLa decoding is not followed"),
    "token_healing": ((None, False), "it would change the prompt after its layout is known"),
    "prefill_chunk_size": ((None,), "the prompt is read in one forward"),
    "use_cache": ((None, True), "decoding without a cache would read the prompt again at every step"),
    "output_attentions": ((None, False), f"{_OWN_RECORD}; ask for signals instead"),
    "output_hidden_states": ((None, False), _OWN_RECORD),
    "output_scores": ((None, False), _OWN_RECORD),
    "output_logits": ((None, False), _OWN_RECORD),
    "return_dict_in_generate": ((None, False), _OWN_RECORD),
}
# What `generate` takes besides the settings of a GenerationConfig, and a trace has itself: never handed on.
_BESIDE: Mapping[str, tuple[tuple[Any, ...], str]] = {
    **dict.fromkeys(("inputs", "input_ids", "inputs_embeds", "attention_mask", "position_ids"), ((None,), _CONTENT)),
    **dict.fromkeys(CACHES, ((None,), _READ_HERE)),
    "assistant_tokenizer": ((None,), f"{_ONE_MODEL}; leave the assistant out"),
    "custom_generate": ((None,), "the trace decodes by a loop of its own"),
    "trust_remote_code": ((None, False), "it belongs to custom_generate here; to load a model: ot.load"),
    "synced_gpus": ((None, False), "a trace reads a whole model in one process"),
    "use_model_defaults": ((None, True), "what is not set comes from the model's own configuration"),
}
_FROM_CONFIG = (
    "num_beams",
    "num_return_sequences",
    "penalty_alpha",
    "prompt_lookup_num_tokens",
    "use_mtp",
    "dola_layers",
)


def check(
    options: Mapping[str, Any], *, first_step: str = "last", seed: int | None = None, own: frozenset[str] = frozenset()
) -> None:
    """Refuse a keyword that `generate` does not know, a way of decoding that cannot be traced, a value out of range.

    Args:
        options: keyword arguments for `generate`, as a user wrote them.
        first_step: "last" or "prompt_mean".
        seed: a whole number of 0 or more, or None.
        own: the caller's further keywords, to suggest for a misspelt one.

    Raises:
        SettingsError: naming the keyword, what was given and what to do.
    """
    if first_step not in FIRST_STEPS:
        raise SettingsError(f"first_step={first_step!r}: expected one of {', '.join(map(repr, FIRST_STEPS))}")
    if seed is not None and not _is_count(seed, 0):
        raise SettingsError(f"seed={seed!r}: expected a whole number of 0 or more, or None")
    options = _native(options)
    _check_names(options, own)
    for name in ("max_new_tokens", "max_length"):
        if (count := options.get(name)) is not None and not _is_count(count, 1):
            raise SettingsError(f"{name}={_short(count)}: expected a whole number of at least 1")
    config = options.get("generation_config")
    if config is not None and not isinstance(config, GenerationConfig):
        raise SettingsError(
            f"generation_config={config!r}: expected a transformers GenerationConfig; single settings are keywords, "
            "such as do_sample=True"
        )
    stops = options.get("stop_strings")
    if stops is not None and not _are_texts([stops] if isinstance(stops, str) else stops):
        raise SettingsError(f"stop_strings={stops!r}: expected a text or a list of texts, none of them empty")
    _check_objects(options)


def _calls(value: object) -> bool:
    return isinstance(value, Iterable) and all(map(callable, value))


_KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "streamer": (lambda value: hasattr(value, "put") and hasattr(value, "end"), "an object with put and end"),
    "logits_processor": (_calls, "a list of functions of ids and scores"),
    "stopping_criteria": (_calls, "a list of functions of ids and scores"),
    "prefix_allowed_tokens_fn": (callable, "a function of the batch and the ids"),
}


def _check_objects(options: Mapping[str, Any]) -> None:
    """Refuse a tokenizer, a negative prompt or a cache of the wrong kind, or one that cannot be had here."""
    tokenizer = options.get("tokenizer")
    if tokenizer is not None and not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise SettingsError(f"tokenizer={_short(tokenizer)}: expected the model's own tokenizer, or leave it out")
    for name, (fits, wanted) in _KINDS.items():
        if (given := options.get(name)) is not None and not fits(given):
            raise SettingsError(f"{name}={_short(given)}: expected {wanted}")
    for name in _NEGATIVE & {name for name, value in options.items() if value is not None}:
        ids = options[name]
        if not isinstance(ids, torch.Tensor) or ids.ndim != 2 or len(ids) != 1:  # noqa: PLR2004 - batch and tokens
            raise SettingsError(f"{name}={_short(ids)}: expected a tensor of shape (1, tokens)")
        config = options.get("generation_config")
        if _among(options.get("guidance_scale", getattr(config, "guidance_scale", None)), (None, 1)):
            raise SettingsError(f"{name}= says nothing without guidance_scale=: give both, or neither")
    caches.check_place(options)


def _among(value: object, allowed: tuple[Any, ...]) -> bool:
    """Tell whether a value is one of some plain ones; arrays, which compare item by item, are none."""
    return any(value is each or (isinstance(value, Number | str) and value == each) for each in allowed)


def _short(value: object, most: int = 60) -> str:
    shown = quoted(value, most + 1)
    return shown if len(shown) <= most else f"a {type(value).__name__}"


def _check_names(options: Mapping[str, Any], own: frozenset[str]) -> None:
    """Refuse keywords that are unknown, and ways of decoding that a trace cannot follow."""
    for name, value in options.items():
        if name in _REFUSED or name in _BESIDE:
            allowed, why = _REFUSED.get(name) or _BESIDE[name]
            if not _among(value, allowed):
                raise SettingsError(f"{name}={_short(value)} cannot be traced: {why}")
        elif name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN | own, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"unknown keyword {name!r}{hint} (settings of transformers' generate are accepted)")


def _is_count(value: object, least: int) -> bool:
    return is_whole(value) and int(value) >= least


def _are_texts(values: object) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(value, str) and value for value in values)


def prepare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: Mapping[str, Any],
    *,
    first_step: str = "last",
    seed: int | None = None,
) -> tuple[dict[str, Any], Any]:
    """Give what `generate` is called with, and the streamer, which a custom decoding loop has to serve itself.

    Stop strings become a stopping criterion here, because `generate` hands no tokenizer to a custom loop.

    Raises:
        SettingsError: see `check`; also for the model's own generation configuration.
    """
    check(options, first_step=first_step, seed=seed)
    settings = {name: value for name, value in with_length(model, options).items() if name not in _BESIDE}
    tokenizer = _own(tokenizer, settings.pop("tokenizer", None))
    config = settings.get("generation_config") or model.generation_config
    check({name: getattr(config, name, None) for name in _FROM_CONFIG if name not in settings})
    if stops := settings.pop("stop_strings", None):
        criteria = StoppingCriteriaList(settings.get("stopping_criteria") or [])
        try:
            criteria.append(StopStringCriteria(tokenizer, stops))
        except ValueError as error:
            raise SettingsError(
                f"stop_strings={stops!r}: this model's tokens cannot write one of them; leave it out"
            ) from error
        settings["stopping_criteria"] = criteria
    return settings, settings.pop("streamer", None)


def _own(tokenizer: PreTrainedTokenizerBase, given: PreTrainedTokenizerBase | None) -> PreTrainedTokenizerBase:
    """Give the tokenizer that stop strings are found by: the model's, which a user may name, as `generate` wants it."""
    if given is not None and given is not tokenizer and given.get_vocab() != tokenizer.get_vocab():
        raise SettingsError("tokenizer= is another model's: give this model's own, or leave it out")
    return given or tokenizer


def with_length(model: PreTrainedModel, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings with `max_new_tokens`, if neither they nor the model's own configuration set a length.

    Numbers and arrays of numpy and torch become Python's, the only ones that `generate` takes everywhere.
    """
    options = _native(options)
    config = options.get("generation_config") or model.generation_config
    lengths = (options.get("max_new_tokens"), options.get("max_length"), config.max_new_tokens, config.max_length)
    return options if any(lengths) else {**options, "max_new_tokens": MAX_NEW_TOKENS}


def most_steps(model: PreTrainedModel, options: Mapping[str, Any], prompt: int) -> int:
    """Give the most tokens that settings allow behind a prompt of so many positions, at least one."""
    config = options.get("generation_config") or model.generation_config
    room = options.get("max_length") or config.max_length or 0
    return max(int(options.get("max_new_tokens") or config.max_new_tokens or room - prompt), 1)


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings as JSON values: objects by their class's name."""
    simple = (str, int, float, bool, type(None))
    return {
        name: value
        if isinstance(value, simple) or (isinstance(value, list | tuple) and all(isinstance(v, simple) for v in value))
        else type(value).__name__
        for name, value in _native(options).items()
    }


def _native(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings in Python's own kinds: numbers and lists for those of numpy and torch."""
    return {name: value if name in _NEGATIVE else _plain_value(value) for name, value in options.items()}


def _plain_value(value: Any) -> Any:  # noqa: ANN401 - settings are of many kinds
    return value.tolist() if isinstance(value, np.generic | np.ndarray | torch.Tensor) else value
