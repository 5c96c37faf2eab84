"""One room holds what transformers may rename: nothing else in the package reaches for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, StaticCache

import omnitrace_nb
from omnitrace_nb import transformers_names

PACKAGE = Path(omnitrace_nb.__file__).parent
ROOM = Path(transformers_names.__file__)
# Private attributes of others that the package reads elsewhere, none of them transformers'.
OTHERS = {
    "warned.py": {"_getframe"},  # CPython
    "controls/foils.py": {"_Hash"},  # the type of hashlib
    "view/inbox.py": {"_recv_callback"},  # pyzmq
    "view/linked.py": {"_trait_from_json"},  # ipywidgets
    "passes/guarding.py": {"_version"},  # torch
    "conformance/running.py": {"_forward_hooks", "_forward_pre_hooks", "_version"},  # torch
    "models/minicpm_bridge.py": {"_set_2d_pos_cache"},  # code that comes with a checkpoint
}
KEYWORDS = {"past_key_values", "cache_params"}
NAMES = KEYWORDS | {"_attn_implementation", "eager_attention_forward", "ALL_ATTENTION_FUNCTIONS"}


@pytest.fixture(scope="module")
def nodes():
    """Every node of every file of the package but the room, with the file's name."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path != ROOM]
    trees = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in paths}
    return [(name, node) for name, tree in trees.items() for node in ast.walk(tree)]


def test_only_the_room_imports_from_inside_transformers(nodes):
    found = []
    for name, node in nodes:
        if isinstance(node, ast.ImportFrom):
            found += [name] * (node.module or "").startswith("transformers.")
        if isinstance(node, ast.Import):
            found += [name for each in node.names if each.name.startswith("transformers.")]
    assert found == []


def test_only_the_room_reads_private_attributes_of_transformers(nodes):
    # A private name that the package defines itself, as function, class or attribute, is its own.
    own = {node.name for _, node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.attr for _, node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    own |= {node.id for _, node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found = {(name, node.attr) for name, node in nodes if isinstance(node, ast.Attribute) and _private(node.attr)}
    assert {(name, read) for name, read in found if read not in own | OTHERS.get(name, set())} == set()


def _private(name):
    return name.startswith("_") and not name.endswith("_")


def test_no_moving_name_is_written_elsewhere(nodes):
    found = [(name, node.value) for name, node in nodes if isinstance(node, ast.Constant) and node.value in NAMES]
    found += [(name, node.arg) for name, node in nodes if isinstance(node, ast.keyword) and node.arg in KEYWORDS]
    assert found == []


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


def test_a_cache_goes_in_by_the_name_that_a_model_takes_and_comes_out(model):
    ids = torch.arange(6)[None]
    with torch.no_grad():
        whole = model(ids).logits[0, -1]
        cache = transformers_names.cache_of(model(ids[:, :5], use_cache=True))
        behind = model(ids[:, 5:], use_cache=True, **transformers_names.with_cache(model, cache)).logits[0, -1]
    torch.testing.assert_close(behind, whole)
    assert transformers_names.cache_in(transformers_names.with_cache(model, cache)) is cache
    assert transformers_names.cache_in({"use_cache": True}) is None


def test_code_from_a_hub_that_takes_the_older_name_gets_it(model):
    class Older(LlamaForCausalLM):
        def forward(self, input_ids=None, past_key_values=None, **options):
            """As a checkpoint's own code was written before 5.24."""

    older = Older(model.config)
    assert list(transformers_names.with_cache(older, "a cache")) == ["past_key_values"]


def test_a_cache_that_gave_its_last_position_is_afterwards_as_it_was(model):
    ids = torch.arange(6)[None]
    with torch.no_grad():
        cache = transformers_names.cache_of(model(ids, use_cache=True))
        before = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]
        with transformers_names.without_last(cache):
            assert cache.get_seq_length() == 5
            model(ids[:, 5:], use_cache=True, **transformers_names.with_cache(model, cache))
    for layer, (keys, values) in zip(cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)


def test_a_static_cache_and_none_do_not_give_a_position_back(model):
    assert not transformers_names.refusal_to_crop(DynamicCache(config=model.config), read=False)
    static = StaticCache(config=model.config, max_cache_len=16)
    assert "leave cache_implementation out" in transformers_names.refusal_to_crop(static, read=False)
    assert transformers_names.refusal_to_crop(None, read=False) == "and this model keeps no cache:"
