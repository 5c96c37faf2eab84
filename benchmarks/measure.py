"""One measurement in a process of its own: the memory of one way of decoding a prompt, by a model of random weights."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

from omnitrace_nb import signals
from omnitrace_nb.capture import decode
from omnitrace_nb.layout import Layout
from omnitrace_nb.models.adapter import Encoded

if TYPE_CHECKING:
    from collections.abc import Callable

ONLINE = ("attmean", "rawatt", "excess", "attgrads")
BASELINE_ROWS = 64
VOCABULARY = 32_000
SPECIALS = (
    *("audio_token_index", "image_token_index", "video_token_index", "vision_start_token_id"),
    *("vision_end_token_id", "audio_start_token_id", "audio_end_token_id"),
)


def thinker() -> Qwen2_5OmniThinkerForConditionalGeneration:
    """Give a Qwen2.5-Omni thinker in the proportions of the real ones: head size 128, grouped keys, wide MLP."""
    torch.manual_seed(0)
    config = Qwen2_5OmniThinkerConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 768,
            "intermediate_size": 4096,
            "num_hidden_layers": 10,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32_768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        vision_config={"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 768},
        audio_config={
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "d_model": 32,
            "output_dim": 768,
        },
        **{name: VOCABULARY - place for place, name in enumerate(SPECIALS, start=1)},
    )
    return Qwen2_5OmniThinkerForConditionalGeneration(config).eval()


class TextOnly:
    """The least of an adapter that a decode needs."""

    def __init__(self, model: Qwen2_5OmniThinkerForConditionalGeneration) -> None:
        """Take the thinker."""
        self.model, self.tokenizer = model, None

    def decoder(self) -> torch.nn.Module:
        """Give the language model."""
        language_model: torch.nn.Module = self.model.model.language_model
        return language_model

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give the embeddings of prompt and response, and their positions."""
        ids = torch.cat([encoded.inputs["input_ids"], response_ids.reshape(1, -1)], dim=1)
        with torch.no_grad():
            embeddings = self.model.get_input_embeddings()(ids)
        positions = torch.arange(ids.shape[1]).expand(3, 1, -1)
        return embeddings, {"attention_mask": torch.ones_like(ids), "position_ids": positions}


def prompt_ids(length: int) -> torch.Tensor:
    """Give a prompt of random tokens: `int64 [1, length]`."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, VOCABULARY - len(SPECIALS), (1, length), generator=generator)


def way_of_decoding(way: str) -> Callable[[Any, torch.Tensor, int, Any], object]:
    """Give what decodes in a way: "plain", "output_attentions", "all four", or an online signal's name.

    It takes the model, the prompt `int64 [1, n]`, the number of tokens, and a streamer or None.
    """

    def decode_it(model: Any, ids: torch.Tensor, steps: int, streamer: Any) -> object:  # noqa: ANN401 - a model's class
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        exactly: dict[str, Any] = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False}
        if way == "output_attentions":
            model.set_attn_implementation("eager")
            exactly |= {"output_attentions": True, "return_dict_in_generate": True}
        if way in {"plain", "output_attentions"}:
            return model.generate(**inputs, **exactly, streamer=streamer)
        chosen = [signals.get(name) for name in (ONLINE if way == "all four" else (way,))]
        prompt = Encoded(inputs, {}, Layout.blank(ids[0].numpy()))
        rows = slice(ids.shape[1] - BASELINE_ROWS, ids.shape[1])
        adapter: Any = TextOnly(model)
        return decode(adapter, prompt, chosen, rows, progress=False, streamer=streamer, **exactly)

    return decode_it


def run(way: str, length: int, steps: int) -> dict[str, Any]:
    """Decode `steps` tokens after a prompt of `length` positions; give wall seconds and peak memory in bytes."""
    model, ids = thinker(), prompt_ids(length)
    model.generate(input_ids=ids[:, :16], attention_mask=torch.ones_like(ids[:, :16]), max_new_tokens=2)
    before, started = _memory("VmRSS"), time.perf_counter()
    kept = way_of_decoding(way)(model, ids, steps, None)
    seconds = time.perf_counter() - started
    del kept
    peak = _memory("VmHWM")
    return {"way": way, "length": length, "seconds": seconds, "peak": peak, "grown": peak - before}


def _memory(field: str) -> int:
    """Read this process's memory from Linux's /proc, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def main() -> None:
    """Measure what the command line says (way, length, steps, most bytes) and print it as a line of JSON."""
    way, length, steps, most = sys.argv[1], *map(int, sys.argv[2:5])
    # Rather an error here than the machine's memory killer: it might pick another process.
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        result = run(way, length, steps)
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        result = {"way": way, "length": length, "out_of_memory": True}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
