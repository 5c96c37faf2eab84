"""A response that exists already, as a user gives it: a text, or the ids of its tokens (docs/given_responses.md).

It is teacher-forced: the model reads it token by token, as if each had been chosen, and nothing is generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from omnitrace_nb.errors import ModelError, SettingsError
from omnitrace_nb.models.checks import most_positions
from omnitrace_nb.models.writing import written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.models import Adapter
    from omnitrace_nb.models.adapter import Encoded

ResponseLike: TypeAlias = "str | Sequence[int] | np.ndarray | torch.Tensor"

FORMS = "a text, or the ids of its tokens (a list, an array or a tensor of whole numbers)"
# What `generate` may still be told: how it computes, and who is served the tokens.
_COMPUTING = frozenset({"cache_implementation", "cache_config", "compile_config", "disable_compile", "streamer"})
_MEDIA = ("image", "video", "audio", "vision")
BEYOND = 2**63  # no id is so large


def check(response: object, generation: Mapping[str, Any], *, seed: int | None = None) -> None:
    """Refuse what is no response, and settings that would choose tokens beside one, before any heavy work.

    Args:
        response: what a user gave.
        generation: settings of `generate`, beside it.
        seed: of sampling.

    Raises:
        SettingsError: naming the keyword, what was given and what to do.
    """
    chooses = {**generation, "seed": seed}
    if named := [name for name, value in chooses.items() if name not in _COMPUTING and value is not None]:
        raise SettingsError(
            f"response= is scored as it stands: no token is chosen, so {', '.join(named)} would say nothing; leave "
            f"{'it' if len(named) == 1 else 'them'} out, or leave response= out to have one generated"
        )
    if isinstance(response, str):
        _check_text(response)
    else:
        _whole_numbers(response)


def tokens(adapter: Adapter, encoded: Encoded, response: ResponseLike) -> np.ndarray:
    """Give the ids of a response behind a prompt, `int64 [T]`; `check` has passed it.

    Raises:
        SettingsError: ids that the model does not have, or that hold the prompt too.
        ModelError: a text that the model's tokens cannot write, or a response that does not fit the context.
    """
    if isinstance(response, str):
        ids = written(adapter, encoded.layout, response)
    else:
        ids = _whole_numbers(response)
        _check_ids(adapter, encoded, ids)
    _check_room(adapter, encoded, ids)
    return ids


def _check_text(text: str) -> None:
    if not text:
        raise SettingsError(f"response='' is empty: give {FORMS}, or leave it out to have one generated")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"response= holds the lone surrogate {text[error.start]!r}, which no tokenizer can read: remove it"
        ) from error


def _whole_numbers(given: object) -> np.ndarray:
    """Read ids, `int64 [T]`; a batch of one is the one."""
    if isinstance(given, torch.Tensor):
        found = given.detach().cpu().float().numpy() if given.is_floating_point() else given.detach().cpu().numpy()
    elif isinstance(given, np.ndarray):
        found = given
    elif isinstance(given, list | tuple):
        found = _array(given)
    else:
        raise SettingsError(f"response= is {_kind(given)}: give {FORMS}")
    if found.size == 0:
        raise SettingsError(f"response= is empty: give {FORMS}, or leave it out to have one generated")
    if found.ndim == 2 and len(found) == 1:  # noqa: PLR2004 - as `generate` gives them
        found = found[0]
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise SettingsError(
            f"response= is an array of shape {found.shape} and type {found.dtype}: give whole numbers in one row, the "
            "ids of its tokens, or a text"
        )
    return found.astype(np.int64)


def _array(given: list[Any] | tuple[Any, ...]) -> np.ndarray:
    rows = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
    for value in rows:
        whole = isinstance(value, int | np.integer) or (_is_scalar(value) and not value.is_floating_point())
        if not whole or isinstance(value, bool) or not abs(int(value)) < BEYOND:
            raise SettingsError(f"response= holds {value!r}, which is no token id: give {FORMS}")
    return np.array([int(value) for value in rows], np.int64)


def _is_scalar(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 0


def _kind(given: object) -> str:
    kind = type(given).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _check_ids(adapter: Adapter, encoded: Encoded, ids: np.ndarray) -> None:
    model = adapter.model
    layers = model.get_input_embeddings(), model.get_output_embeddings()
    known = min(layer.weight.shape[0] for layer in layers if layer is not None)
    if len(wrong := ids[(ids < 0) | (ids >= known)]):
        raise SettingsError(f"response= holds the id {wrong[0]}, but this model has the ids 0 to {known - 1}")
    prompt = encoded.layout.token_ids
    if len(ids) > len(prompt) and np.array_equal(ids[: len(prompt)], prompt):
        raise SettingsError(
            f"response= begins with the prompt's own {len(prompt)} tokens, as `generate` gives them back: give those "
            f"behind them, ids[{len(prompt)}:]"
        )
    if len(media := ids[np.isin(ids, _media_ids(adapter))]):
        raise SettingsError(
            f"response= holds the id {media[0]}, which stands for a picture, sound or film: a response is text alone"
        )


def _media_ids(adapter: Adapter) -> list[int]:
    """Give the ids that stand for media in a prompt, as the model's configuration names them."""
    named = adapter.model.config.to_dict().items()
    return [
        value
        for name, value in named
        if isinstance(value, int) and name.endswith(("token_id", "token_index")) and name.startswith(_MEDIA)
    ]


def _check_room(adapter: Adapter, encoded: Encoded, ids: np.ndarray) -> None:
    limit, whole = most_positions(adapter), len(encoded.layout) + len(ids)
    if whole > limit and (reach := _reach(adapter, encoded, ids)) > limit:
        raise ModelError(
            f"The prompt and the response take {reach:,} positions ({len(encoded.layout):,} and {len(ids):,} tokens), "
            f"but this model reads at most {limit:,}: give a shorter response, or its beginning."
        )


def _reach(adapter: Adapter, encoded: Encoded, ids: np.ndarray) -> int:
    """Give how far prompt and response reach: media may share positions (M-RoPE)."""
    _, options = adapter.embed(encoded, torch.from_numpy(ids))
    positions = options.get("position_ids")
    return len(encoded.layout) + len(ids) if positions is None else int(positions[-3:].max()) + 1
