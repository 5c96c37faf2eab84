"""The finished run read again, in variants that share a prefix: its keys and values are computed once and borrowed."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from omnitrace_nb.passes.teacher import only
from omnitrace_nb.transformers_names import (
    Cache,
    CacheLayerMixin,
    DummyLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    cache_of,
    holds_positions,
    with_cache,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from omnitrace_nb.passes.finished import Finished

CHUNK = 2048  # queries at a time behind a prefix: a mask of queries x positions is built for them


class Replay:
    """A run of `n` prompt positions and `T` steps as one sequence of `N = n + T - 1` inputs, to be read in variants.

    The last `T` inputs (the prompt's last position and the response without its last token) choose the response's
    tokens. Gradients are to be off.
    """

    def __init__(self, run: Finished) -> None:
        """Take the run; nothing is read yet."""
        self.forced = run.forced
        self.model = self.forced.model
        self.begins = run.begins
        self.steps = run.steps
        self.length = run.width - 1
        self.device = self.forced.embeddings.device

    @property
    def plain(self) -> Tensor:
        """`[T]`, the log-probabilities of the response with nothing changed."""
        return self._first[0]

    @property
    def layers(self) -> list[tuple[Tensor, Tensor] | None] | None:
        """Keys and values `[1, heads, N, dim]` of each layer; None if a layer does not keep them all.

        Layers with a recurrent state or with an index of their own do not; those with a window are made to. A layer
        that reads keys and values of another has None.
        """
        return self._first[1]

    @cached_property
    def windowed(self) -> bool:
        """Whether some layers see a window shorter than the sequence, which positions left out would widen."""
        return sees_windows(self.model.config.get_text_config(), self.length)

    @cached_property
    def _first(self) -> tuple[Tensor, list[tuple[Tensor, Tensor] | None] | None]:
        """Read the whole sequence, once."""
        places = torch.arange(self.length, device=self.device)[None]
        rows = places[:, -self.steps :]
        self.forced.cost.add(forwards=1, tokens=self.length)
        outputs = self._forward(self.forced.embeddings[:, : self.length], places, self._keeping(), rows, keep=True)
        return self._chosen(outputs.logits, rows)[0], _whole(cache_of(outputs), self.length)

    def _keeping(self) -> Cache | None:
        """Give a cache whose layers forget nothing, also what is outside their window; None for the model's own."""
        config = self.model.config.get_text_config()
        own = DynamicCache(config=config).layers
        if not own or not holds_positions(config):
            return None
        return Cache(layers=[layer if isinstance(layer, DummyLayer) else DynamicLayer() for layer in own])

    @cached_property
    def takes_positions(self) -> bool:
        """Whether the model can be told where a token stands, so that others can be left out before it."""
        config = self.model.config.get_text_config()
        told = "position_ids" in inspect.signature(self.model.forward).parameters
        return told and not getattr(config, "alibi", False)

    def logprobs(
        self,
        places: Tensor,
        lengths: Tensor,
        start: int = 0,
        *,
        embeddings: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Give the log-probabilities `[b, T]` of the response in `b` variants of the sequence.

        Args:
            places: `int64 [b, q]`, the position of each input; a row's last `T` of its `lengths` choose the tokens.
            lengths: `int64 [b]`, how many of a row's places are used; those after it are padding.
            start: how much of the shared prefix is borrowed.
            embeddings: `[b, q, width]`, the inputs; left out: those of their places.
            seen: `bool [b, start + q]`, the positions that any of the inputs may look at; left out: all.
        """
        batch, queries = places.shape
        self.forced.cost.add(forwards=batch, tokens=int(lengths.sum()))
        if embeddings is None:
            embeddings = self.forced.embeddings[0, places]
        rows = lengths[:, None] - self.steps + torch.arange(self.steps, device=self.device)
        cache = self._borrowed(start) if start else None
        # Behind a prefix, attention needs a mask of queries x positions: long stretches are read in chunks, unless
        # positions look at later ones, which would not be there yet.
        ahead = bool((self.begins < np.arange(len(self.begins))).any())
        last = queries if cache is None or ahead else max(CHUNK, queries - int(rows.min()))
        done = 0
        while queries - done > last:
            end = min(done + CHUNK, queries - last)
            piece = None if seen is None else seen[:, : start + end]
            nowhere = torch.zeros(batch, 1, dtype=torch.long, device=self.device)
            self._forward(embeddings[:, done:end], places[:, done:end], cache, nowhere, seen=piece)
            done = end
        outputs = self._forward(embeddings[:, done:], places[:, done:], cache, rows - done, seen=seen)
        return self._chosen(outputs.logits, rows - done)

    def _borrowed(self, start: int) -> Cache:
        assert self.layers is not None  # noqa: S101 - whoever asks for a prefix has looked
        return Cache(layers=[DummyLayer() if each is None else _Borrowed(each, start) for each in self.layers])

    def _forward(
        self,
        embeddings: Tensor,
        places: Tensor,
        cache: Cache | None,
        rows: Tensor,
        *,
        seen: Tensor | None = None,
        keep: bool = False,
    ) -> Any:  # noqa: ANN401 - a model's output class
        batch, queries = places.shape
        before = 0 if cache is None else cache.get_seq_length()
        options = {name: self._at(value, places) for name, value in self.forced.options.items()}
        # Always there, though all ones: without it, gaps between positions would be read as packed sequences.
        options["attention_mask"] = (
            torch.ones(batch, before + queries, dtype=torch.long, device=self.device) if seen is None else seen.long()
        )
        if self.takes_positions:
            options.setdefault("position_ids", places)
        with only(self.model, rows):
            use_cache = keep or cache is not None
            return self.forced.forward(embeddings, use_cache=use_cache, **with_cache(self.model, cache), **options)

    def _at(self, value: Any, places: Tensor) -> Any:  # noqa: ANN401 - a model's keyword arguments are of any kind
        """Take what runs along the sequence (`[..., 1, n + T]`) at some places: `[..., b, q]`."""
        if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[-1] != self.length + 1:  # noqa: PLR2004
            return value
        return value[..., 0, :][..., places.to(value.device)]

    def _chosen(self, logits: Tensor, rows: Tensor) -> Tensor:
        if logits.shape[1] != rows.shape[1]:
            logits = logits[torch.arange(len(rows), device=logits.device)[:, None], rows.to(logits.device)]
        logits = logits.float()
        tokens = self.forced.targets.to(logits.device).expand(len(rows), -1)
        return logits.gather(2, tokens[..., None])[..., 0] - logits.logsumexp(-1)


def sees_windows(config: PreTrainedConfig, length: int) -> bool:
    """Tell whether some layers of a model see a window shorter than a sequence."""
    layers = DynamicCache(config=config).layers
    return any(layer.sliding_window < length for layer in layers if isinstance(layer, DynamicSlidingWindowLayer))


class _Borrowed(CacheLayerMixin):
    """A layer's cache that begins with keys and values of another sequence, shared by every row of a batch."""

    is_sliding = False

    def __init__(self, whole: tuple[Tensor, Tensor], start: int) -> None:
        super().__init__()
        self.keys, self.values = (each[..., :start, :] for each in whole)
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Do nothing: the prefix is there."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Append, and give everything."""
        before = (-1 if len(self.keys) == len(key_states) else len(key_states), -1, -1, -1)
        self.keys = torch.cat([self.keys.expand(before), key_states], dim=-2)
        self.values = torch.cat([self.values.expand(before), value_states], dim=-2)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Give the number of positions that the coming queries look at, and where these begin."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Give the number of positions so far."""
        return self.keys.shape[-2]

    def get_max_length(self) -> int:
        """Say that there is no limit."""
        return -1


def _whole(cache: Any, length: int) -> list[tuple[Tensor, Tensor] | None] | None:  # noqa: ANN401 - any of transformers' caches
    layers = getattr(cache, "layers", None)
    if not layers or not all(isinstance(layer, DummyLayer) or _keeps_all(layer, length) for layer in layers):
        return None
    return [None if isinstance(layer, DummyLayer) else (layer.keys, layer.values) for layer in layers]


def _keeps_all(layer: Any, length: int) -> bool:  # noqa: ANN401 - any of transformers' cache layers
    return type(layer) is DynamicLayer and layer.keys is not None and layer.keys.shape[-2] == length
