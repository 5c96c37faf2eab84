"""Integrated gradients (20 points) against inseq's, on one text model and prompt: `python -m benchmarks.gradients`.

inseq explains a token at a time, with forwards of its own for each; here eight targets share their forwards. Both run
in turns; what is compared is processor time of one thread, the best turn of each.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import inseq
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from omnitrace_nb import models, passes, signals
from omnitrace_nb.alignment import align
from omnitrace_nb.content import Text
from omnitrace_nb.media import load
from training.vocabulary import SPECIAL, WORD, byte_level

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS = 20
SENTENCES = (
    "Mia sells honey and Hugo sells clocks. ",
    "The harbour was quiet in the morning, the market was busy. ",
    "Nobody knows what the second film shows. ",
)


def text_model(sentences: int, hidden: int, layers: int) -> tuple[Any, str, str]:
    """Give the adapter of a random Llama, a prompt of some sentences, and three of them as its response."""
    torch.manual_seed(0)
    tokenizer = byte_level(list(SENTENCES) * 3, SPECIAL, size=400, pattern=WORD)
    tokenizer.unk_token, tokenizer.bos_token = "<|AUDIO|>", "<|im_start|>"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    adapter = models.adapt(LlamaForCausalLM(config).eval(), tokenizer)
    prompt = "".join(SENTENCES[place % 3] for place in range(sentences))
    return adapter, prompt, "".join(SENTENCES)


def finished(adapter: Any, prompt: str, answer: str) -> passes.Finished:  # noqa: ANN401 - any text adapter
    """Give the run of a response, a statement for each of its three sentences."""
    encoded = adapter.encode(load((Text(prompt),), adapter.needs, adapter.modalities))
    pieces = [len(adapter.tokenizer(prompt + answer[:end])["input_ids"]) for end in _ends()]
    ids = np.asarray(adapter.tokenizer(prompt + answer)["input_ids"][len(encoded.layout) :], np.int64)
    response = align([b"x "] * len(ids), ids, np.zeros(len(ids), np.float32), "length")
    of_step = np.searchsorted(np.array(pieces) - len(encoded.layout), np.arange(len(ids)), side="right")
    return passes.Finished(
        adapter, encoded, response, statements=[(0, 1)] * 3, statement_of=np.minimum(of_step, 2), progress=False
    )


def _ends() -> list[int]:
    return np.cumsum([len(sentence) for sentence in SENTENCES]).tolist()


def main() -> None:
    """Time all ways in turns and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    adapter, prompt, answer = text_model(arguments.sentences, arguments.hidden, arguments.layers)
    run = finished(adapter, prompt, answer)
    unknown = adapter.tokenizer.unk_token_id
    peer = inseq.load_model(adapter.model, "integrated_gradients", tokenizer=adapter.tokenizer)

    def theirs() -> np.ndarray:
        out = peer.attribute(
            prompt, prompt + answer, n_steps=POINTS, attributed_fn="logit", show_progress=False, pretty_progress=False
        )
        return out.sequence_attributions[0].target_attributions.sum(-1).nan_to_num().transpose(0, 1).numpy()

    def ours(per: Any) -> np.ndarray:  # noqa: ANN401 - a literal
        signal = signals.integrated_gradients(steps=POINTS, per=per, baseline=unknown)
        return passes.score(run.but(), [signal]).scores[signal.label]

    ways: dict[str, Callable[[], np.ndarray]] = {
        "inseq, per token": theirs,
        "per token": lambda: ours("step"),
        "per statement": lambda: ours("statement"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    scores: dict[str, np.ndarray] = {}
    for _ in range(arguments.turns):
        for name, way in ways.items():
            started = time.process_time()
            scores[name] = way()
            seconds[name].append(time.process_time() - started)
    best = {name: min(each) for name, each in seconds.items()}
    apart = np.abs(scores["per token"] - scores["inseq, per token"]).max() / np.abs(scores["inseq, per token"]).max()
    about = {"prompt": run.prompt, "steps": run.steps, "statements": len(run.groups("statement"))}
    about["parameters"] = sum(weight.numel() for weight in adapter.model.parameters())
    ratios = {name: round(best["inseq, per token"] / spent, 2) for name, spent in best.items()}
    print(json.dumps({**about, "seconds": best, "times faster": ratios, "apart": float(apart)}))


if __name__ == "__main__":
    main()
