"""What is examined: a model with a small prompt of everything it reads, and the ways to run it plainly."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from omnitrace_nb.capture.borrow import evaluating
from omnitrace_nb.packaged import example
from omnitrace_nb.prompting import Prompt
from omnitrace_nb.transformers_names import holds_positions, running_kernel, without_new_hooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.adapter import Adapter, Encoded

STEPS = 8  # tokens decoded
ROUNDINGS = 4  # eps of half precision that attention weights may be apart


class Failed(Exception):  # noqa: N818 - it carries a verdict, not an error
    """A check that failed, with its detail."""


class NotApplicable(Exception):  # noqa: N818 - as above
    """A check that this model has no use for, with the reason."""


@dataclass(eq=False)
class Subject:
    """A model under examination.

    Attributes:
        adapter: the model.
        content: the prompt to examine it with.
    """

    adapter: Adapter
    content: object

    @classmethod
    def of(cls, adapter: Adapter, content: object = None) -> Subject:
        """Take a model; without a prompt, the packaged example's parts that it reads."""
        kinds = {"Text": "text", "Image": "image", "Audio": "audio", "Video": "video"}
        parts = [part for part in example() if kinds[type(part).__name__] in adapter.modalities]
        return cls(adapter, parts if content is None else content)

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt, read."""
        return Prompt.read(self.adapter, self.content)

    @property
    def encoded(self) -> Encoded:
        """The prompt, encoded."""
        return self.prompt.encoded

    @property
    def ordinary(self) -> bool:
        """Whether every layer keeps keys and values of positions, and no state: what the checks of attention ask for."""
        return holds_positions(self.adapter.model.config.get_text_config())

    def could_not(self, error: Exception) -> Failed | NotApplicable:
        """Give the verdict on a check that could not run: the fault is ours or the library's with an ordinary cache."""
        if self.ordinary:
            return Failed(f"could not run, though every layer of this model keeps keys and values: {error}")
        return NotApplicable(str(error))

    @property
    def half(self) -> bool:
        """Whether the model computes in half precision."""
        return next(self.adapter.decoder().parameters()).dtype in {torch.float16, torch.bfloat16}

    @property
    def tolerance(self) -> float:
        """How far attention weights may differ: of float32 the order of sums, of half precision its rounding.

        A logit of magnitude 16 is rounded by up to 8 eps in either of two computations, and a weight moves by at most a
        quarter of what its logit does: 4 eps, which is 3.1e-2 of bfloat16 and 3.9e-3 of float16.
        """
        dtype = next(self.adapter.decoder().parameters()).dtype
        return ROUNDINGS * torch.finfo(dtype).eps if self.half else 1e-4

    @cached_property
    def response(self) -> Tensor:
        """`int64 [T]`, what the model's own greedy `generate` says, at most `STEPS` tokens, without any of our code."""
        return self.generated()

    def generated(self, **settings: Any) -> Tensor:  # noqa: ANN401 - settings of generate
        """Let the model's own greedy `generate` answer with further settings: `int64 [T]`."""
        own = {**self.encoded.inputs, **self.encoded.options, **settings}
        with evaluating(self.adapter.model), torch.no_grad():
            ids = self.adapter.model.generate(**own, max_new_tokens=STEPS, do_sample=False, num_beams=1)
        ids = getattr(ids, "sequences", ids)[0]
        return ids[len(self.encoded.layout) :] if len(ids) > STEPS else ids

    def embed(self, parts: Sequence[LoadedPart]) -> tuple[Tensor, Encoded]:
        """Give the input embeddings `[n, hidden]` of other parts."""
        encoded = self.adapter.encode(parts)
        with evaluating(self.adapter.model), torch.no_grad():
            embeddings, _ = self.adapter.embed(encoded, torch.zeros(0, dtype=torch.int64))
        return embeddings[0].float().cpu(), encoded

    def forward(self, response: Tensor, *, attention: bool = False, **options: Any) -> Any:  # noqa: ANN401 - the model's output
        """Run prompt and response by one plain forward without a cache; `attention`: by the model's eager function."""
        embeddings, own = self.adapter.embed(self.encoded, response)
        with evaluating(self.adapter.model), eager(self.adapter) if attention else nullcontext():
            return self.adapter.forward(
                embeddings,
                use_cache=False,
                return_dict=True,
                **{**own, **options, **({"output_attentions": True} if attention else {})},
            )


@contextmanager
def eager(adapter: Adapter) -> Iterator[None]:
    """Run the language model by transformers' eager attention inside the block, which gives whole matrices."""
    config: Any = adapter.decoder().config
    with without_new_hooks(adapter.model), running_kernel(config, "eager"):
        yield


def farthest(left: np.ndarray, right: np.ndarray) -> float:
    """Give the largest difference of two arrays of one shape."""
    return float(np.abs(left - right).max(initial=0.0))
