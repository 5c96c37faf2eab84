"""A prompt changed on its way into the language model: for controls that decode again without the evidence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from omnitrace_nb.models.adapter import Adapter


@contextmanager
def editing(adapter: Adapter, edit: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Change the prompt's embeddings in the language model's first forward inside the block.

    The edit gets them as `adapter.embed` gives them, `[1, n, width]`: with what the model feeds its language model
    besides, where it does.
    """
    done = False

    def change(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:  # noqa: ANN401
        nonlocal done
        if done:
            return args, kwargs
        done = True
        ids = args[0] if args else kwargs.get("input_ids")
        embeddings = kwargs.get("inputs_embeds")
        if embeddings is None:
            own = getattr(adapter, "embedded", None)
            embeddings = module.get_input_embeddings()(ids) if own is None else own({**kwargs, "input_ids": ids})
        kwargs = {**kwargs, **_edited(adapter, edit, {**kwargs, "inputs_embeds": embeddings})}
        return ((None, *args[1:]), kwargs) if args else (args, {**kwargs, "input_ids": None})

    hook = adapter.decoder().register_forward_pre_hook(change, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _edited(
    adapter: Any,  # noqa: ANN401 - `beside` and `fed` are optional
    edit: Callable[[torch.Tensor], torch.Tensor],
    given: dict[str, Any],
) -> dict[str, Any]:
    embeddings, hidden = given["inputs_embeds"], given["inputs_embeds"].shape[-1]
    more = None
    if hasattr(adapter, "beside"):
        more = adapter.beside(given, torch.zeros(1, 0, dtype=torch.long, device=embeddings.device))
    if more is None:
        return {"inputs_embeds": edit(embeddings.clone())}
    wide = edit(torch.cat([embeddings, more.to(embeddings)], dim=-1))
    return {"inputs_embeds": wide[..., :hidden], **adapter.fed(wide[..., hidden:])}
