"""What MiniCPM-o's own code makes of a prompt under the transformers that its authors pin: a program for a test.

`python minicpmo_then.py CODE CHECKPOINT PROMPT.npz OUT.npz`: ids, embeddings, logits and the tokens of its `generate`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoProcessor


def then(code, checkpoint, content, config):
    sys.path.insert(0, str(code.parent))
    model = import_module(f"{code.name}.modeling_minicpmo").MiniCPMO(
        import_module(f"{code.name}.configuration_minicpmo").MiniCPMOConfig(**config, attn_implementation="sdpa")
    )
    model.load_state_dict(load_file(checkpoint / "model.safetensors"))
    processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=True)
    kinds = {0: str, 3: lambda _: "<image>./</image>", 1: lambda _: "<audio>./</audio>"}
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": "".join(kinds[each.ndim](each) for each in content)}],
        tokenize=False,
        add_generation_prompt=True,
        use_tts_template=True,
        enable_thinking=False,
    )
    pictures, sounds = ([each for each in content if each.ndim == ndim] for ndim in (3, 1))
    data = processor([text], [[Image.fromarray(each) for each in pictures]], [sounds])
    data["position_ids"] = torch.arange(data["input_ids"].shape[1])[None]
    model.eval()
    with torch.no_grad():
        logits = model(data, use_cache=False).logits[0, -1]
        embeddings, _ = model.get_vllm_embedding(data)
        embeddings = model.get_omni_embedding(data, embeddings, chunk_length=model.config.audio_chunk_length)
    inputs = {name: value for name, value in data.items() if name not in {"image_sizes", "position_ids"}}
    _, outputs = model.generate(**inputs, tokenizer=processor.tokenizer, max_new_tokens=8, do_sample=False, num_beams=1)
    return {"ids": data["input_ids"][0], "embeddings": embeddings[0], "logits": logits, "tokens": outputs.sequences[0]}


if __name__ == "__main__":
    code, checkpoint, prompt, out = map(Path, sys.argv[1:])
    given = np.load(prompt, allow_pickle=True)
    made = then(code, checkpoint, [given[name] for name in given.files if name != "config"], given["config"].item())
    np.savez(out, **{name: value.numpy() for name, value in made.items()})
