"""Models in GGUF files, written here by llama.cpp's own writer: loaded as transformers loads them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import omnitrace_nb as ot
from omnitrace_nb.errors import ModelError, SettingsError

gguf = pytest.importorskip("gguf")

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells honey?"]


def write(path, model, tokenizer):
    """Write a Llama and its byte-level tokenizer, as llama.cpp's converter does."""
    config, file = model.config, gguf.GGUFWriter(str(path), "llama")
    file.add_context_length(config.max_position_embeddings)
    file.add_embedding_length(config.hidden_size)
    file.add_block_count(config.num_hidden_layers)
    file.add_feed_forward_length(config.intermediate_size)
    file.add_head_count(config.num_attention_heads)
    file.add_head_count_kv(config.num_key_value_heads)
    file.add_layer_norm_rms_eps(config.rms_norm_eps)
    file.add_rope_freq_base(config.rope_parameters["rope_theta"])
    file.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    file.add_vocab_size(config.vocab_size)
    _write_tokenizer(file, tokenizer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        values = tensor.float().numpy()
        for kind, count in heads.items():
            if kind in name:  # llama.cpp rotates neighbours, transformers halves
                values = values.reshape(count, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        place, _, suffix = name.rpartition(".")
        file.add_tensor(f"{names.get_name(place)}.{suffix}", np.ascontiguousarray(values))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def _write_tokenizer(file, tokenizer):
    special = set(tokenizer.all_special_ids)
    count = len(tokenizer)
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("qwen2")
    file.add_token_list(tokenizer.convert_ids_to_tokens(range(count)))
    kinds = gguf.TokenType
    file.add_token_types([kinds.CONTROL if i in special else kinds.NORMAL for i in range(count)])
    file.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    file.add_eos_token_id(tokenizer.eos_token_id)
    file.add_pad_token_id(tokenizer.pad_token_id)
    file.add_chat_template(tokenizer.chat_template)


@pytest.fixture(scope="module")
def path(toy_text, tmp_path_factory):
    file = tmp_path_factory.mktemp("gguf") / "toy.gguf"
    write(file, *toy_text)
    return file


@pytest.mark.parametrize("way", ["the file", "its folder"])
def test_a_gguf_file_is_loaded_as_transformers_loads_it_and_traced(toy_text, path, way):
    tracer = ot.load(path) if way == "the file" else ot.load(str(path.parent), gguf_file=path.name)
    assert tracer.adapter.name == str(path)
    theirs = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype="float32")
    model, tokenizer = toy_text
    ids = tokenizer(PROMPT[0], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        ours = tracer.adapter.model(ids).logits
        assert torch.equal(ours, theirs(ids).logits)
        torch.testing.assert_close(ours, model(ids).logits)
    run = {"max_new_tokens": 6, "do_sample": False, "progress": False}
    trace = tracer.trace(PROMPT, ("attmean", "attgrads", "leave_one_out"), **run)
    wanted = ot.load(model, tokenizer).trace(PROMPT, ("attmean", "attgrads", "leave_one_out"), **run)
    assert trace.layout.token_ids.tolist() == wanted.layout.token_ids.tolist()
    assert trace.response == wanted.response
    np.testing.assert_allclose(trace.scores("attgrads"), wanted.scores("attgrads"), rtol=1e-3, atol=1e-5)


def test_another_tokenizer_may_be_named_beside_a_gguf_file(toy_text, path, tmp_path):
    toy_text[1].save_pretrained(tmp_path)
    assert len(ot.load(path, tmp_path).trace(PROMPT, "attmean", max_new_tokens=2, progress=False).steps) == 2


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, 100_000])
def test_a_gguf_file_cut_short_is_told(path, tmp_path, keep):
    (tmp_path / "cut.gguf").write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"The GGUF file .*cut.gguf' cannot be loaded here: .* damaged or cut short"):
        ot.load(tmp_path / "cut.gguf")


def test_a_gguf_file_that_is_not_there_is_told(path):
    with pytest.raises(ModelError, match=r"There is no file '.*none.gguf'"):
        ot.load(path.parent / "none.gguf")
    with pytest.raises(ModelError, match=r"has no file 'none.gguf': it has toy.gguf"):
        ot.load(path.parent, gguf_file="none.gguf")
    with pytest.raises(SettingsError, match="needs its folder or hub id"):
        ot.load(gguf_file="toy.gguf")


def test_what_gguf_files_need_is_said_where_it_is_missing(path, monkeypatch):
    monkeypatch.setattr("omnitrace_nb.models.loading.find_spec", lambda name: None if name == "gguf" else name)
    with pytest.raises(ModelError, match=r"GGUF files need gguf: pip install 'omnitrace-nb\[gguf\]'"):
        ot.load(path)
