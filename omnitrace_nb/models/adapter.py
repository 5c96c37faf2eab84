"""What a model family must offer so that everything else works: one small protocol, one file a family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from omnitrace_nb.layout import Layout
    from omnitrace_nb.media.loaded import LoadedPart, MediaNeeds


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A prompt as the model takes it.

    `inputs` are the processor's tensors (batch of 1, on the model's device), ready for `model.generate(**inputs)`;
    `options` are further keyword arguments that `generate` and `forward` need (such as `use_audio_in_video`);
    `layout` tells where each of the prompt's positions comes from.
    """

    inputs: dict[str, torch.Tensor]
    options: dict[str, Any]
    layout: Layout


@dataclass(frozen=True, slots=True, eq=False)
class RawMedium:
    """A picture's pixels or a sound's samples, as the processor was given them.

    Attributes:
        part: index of the part; a film's sound track has the film's.
        kind: "image" or "audio".
        values: float `[1, 3, height, width]`, 0 to 255, or `[1, samples]`.
        blank: the same without content: the picture's mean colour, or silence.
    """

    part: int
    kind: Literal["image", "audio"]
    values: torch.Tensor
    blank: torch.Tensor


class Adapter(Protocol):
    """The only place that knows a model family. `model` is never changed by it.

    Attributes:
        name: what the model was loaded from (a hub id, a folder, or "embedded"), or its class.
        family: the adapter's own name, such as "qwen_omni".
        model: a decoder-only model with `generate`.
        tokenizer: its tokenizer.
        needs: the sampling rate and frame rate that the processor wants.
        modalities: the kinds of parts that it reads, such as `("text", "image", "audio", "video")`.
        max_positions: how many positions it reads, if its user says so; None for what its configuration says.
    """

    name: str
    family: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    needs: MediaNeeds
    modalities: tuple[str, ...]
    max_positions: int | None

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into inputs and a layout; `ModelError` where the layout cannot be proven."""
        ...

    def decoder(self) -> torch.nn.Module:
        """Give the language model inside `model` (the module whose attention layers read the prompt)."""
        ...

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give the input embeddings of prompt and response and what a forward over them needs besides.

        Media embeddings are computed once, without gradient, and put in place: `[1, n + steps, width]`, and keyword
        arguments (position ids and the like) such that `forward(embeddings, **kwargs)` gives the logits of a
        teacher-forced pass over prompt and response.

        The width is the hidden size, and more where a model feeds its decoder besides (features added at several
        depths, embeddings of each layer): that stands behind the input embeddings, one position's in its row.
        """
        ...

    def forward(self, embeddings: torch.Tensor, **options: object) -> Any:  # noqa: ANN401 - a model's output class
        """Run the model over `[b, q, width]` embeddings as `embed` gives them, or a stretch of them, under autograd."""
        ...

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the exact bytes that each generated id writes; special tokens write none."""
        ...
