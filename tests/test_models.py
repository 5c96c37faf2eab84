"""Loading and adapting models: what works, what is refused with a reason, and that nothing of the user's is altered."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from prompts import film, picture, prompt, sound
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from toys import make_omni, make_omni_config, make_omni_processor, make_text, make_tokenizer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    BertModel,
    ByT5Tokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5OmniConfig,
    Qwen2_5OmniForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from omnitrace_nb import signals
from omnitrace_nb.capture import decode
from omnitrace_nb.errors import ModelError, OmnitraceError, SettingsError
from omnitrace_nb.models import Family, adapt, load, register
from omnitrace_nb.models.registry import _FAMILIES
from omnitrace_nb.models.tokens import token_bytes

RESPONSE = torch.tensor([40, 50, 300, 41, 42])


@pytest.fixture(scope="module")
def omni_folder(toy_omni, tmp_path_factory):
    folder = tmp_path_factory.mktemp("omni")
    for piece in toy_omni:
        piece.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def text_folder(toy_text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    for piece in toy_text:
        piece.save_pretrained(folder)
    return folder


def mixture():
    talkie = film(3, track=sound(2.6, 1), seed=2)
    return prompt("See: ", picture(120, 90, 3), sound(1.4, 4), talkie, film(4, seed=5), sound(2, 6), "What happened?")


# ---------------------------------------------------------------- embed


def teacher_forced(adapter, encoded, response):
    """Logits of a plain forward over ids and media, every per-token input extended by hand."""
    inputs = dict(encoded.inputs)
    ids = torch.cat([inputs.pop("input_ids"), response[None]], dim=1)
    inputs["attention_mask"] = torch.ones_like(ids)
    if "position_ids" in inputs:
        positions = inputs["position_ids"]
        inputs["position_ids"] = torch.cat(
            [positions, positions[..., -1:] + torch.arange(1, len(response) + 1)], dim=-1
        )
    with torch.no_grad():
        return adapter.model(input_ids=ids, **inputs).logits


@pytest.mark.parametrize(
    "parts", [mixture(), prompt("Only text."), prompt(picture(84, 84), "?"), prompt(sound(1), "?")]
)
def test_embeddings_give_the_logits_of_ids_and_media(toy_omni, parts):
    adapter = adapt(*toy_omni)
    encoded = adapter.encode(parts)
    embeddings, kwargs = adapter.embed(encoded, RESPONSE)
    assert embeddings.shape == (1, len(encoded.layout) + len(RESPONSE), 64)
    assert not embeddings.requires_grad
    with torch.no_grad():
        ours = adapter.model(inputs_embeds=embeddings, **kwargs).logits
    theirs = teacher_forced(adapter, encoded, RESPONSE)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * theirs.abs().max().item())


def test_embeddings_do_not_depend_on_an_earlier_run(toy_omni):
    """`rope_deltas`, which the model keeps from its last prompt, must not leak into the next one's positions."""
    adapter = adapt(*toy_omni)
    encoded = adapter.encode(mixture())
    before = adapter.model(inputs_embeds=adapter.embed(encoded, RESPONSE)[0], **adapter.embed(encoded, RESPONSE)[1])
    other = adapter.encode(prompt(film(6), "?"))
    adapter.model.generate(**other.inputs, max_new_tokens=2)
    after = adapter.model(inputs_embeds=adapter.embed(encoded, RESPONSE)[0], **adapter.embed(encoded, RESPONSE)[1])
    assert torch.equal(before.logits, after.logits)


def test_a_response_that_holds_a_placeholder_keeps_its_own_embedding(toy_omni):
    adapter = adapt(*toy_omni)
    encoded = adapter.encode(prompt(picture(84, 84), "?"))
    image = adapter.model.config.image_token_id
    embeddings, _ = adapter.embed(encoded, torch.tensor([image, 50]))
    assert torch.equal(embeddings[0, -2], adapter.model.get_input_embeddings().weight[image])
    assert len(adapter.embed(encoded, torch.zeros(0, dtype=torch.long))[0][0]) == len(encoded.layout)


def test_embeddings_of_text_give_the_logits_of_ids(toy_text):
    adapter = adapt(*toy_text)
    encoded = adapter.encode(prompt("One.", "Two?"))
    embeddings, kwargs = adapter.embed(encoded, RESPONSE[None])
    with torch.no_grad():
        ours = adapter.model(inputs_embeds=embeddings, **kwargs).logits
    torch.testing.assert_close(ours, teacher_forced(adapter, encoded, RESPONSE), rtol=0, atol=1e-5)


def test_the_decoder_is_the_module_whose_layers_attend(toy_omni, toy_text):
    assert len(adapt(*toy_omni).decoder().layers) == 3
    assert len(adapt(*toy_text).decoder().layers) == 3


# ---------------------------------------------------------------- the whole omni model


def test_the_thinker_inside_the_whole_model_gives_the_same(toy_omni):
    thinker, processor = toy_omni
    config = Qwen2_5OmniConfig(
        thinker_config=make_omni_config(processor.tokenizer).to_dict(), enable_audio_output=False
    )
    whole = Qwen2_5OmniForConditionalGeneration(config).eval()
    whole.thinker.load_state_dict(thinker.state_dict())
    inner, outer = adapt(thinker, processor), adapt(whole, processor)
    assert outer.model is whole.thinker
    parts = mixture()
    one, other = inner.encode(parts), outer.encode(parts)
    assert one.layout.token_ids.tolist() == other.layout.token_ids.tolist()
    torch.testing.assert_close(teacher_forced(inner, one, RESPONSE), teacher_forced(outer, other, RESPONSE))


# ---------------------------------------------------------------- loading


def test_a_folder_is_loaded_whole(omni_folder, toy_omni):
    adapter = load(omni_folder)
    assert (adapter.family, adapter.name) == ("qwen_omni", str(omni_folder))
    assert adapter.modalities == ("text", "image", "audio", "video")
    assert adapter.model.dtype == torch.float32 or torch.cuda.is_available()
    assert not adapter.model.training
    parts = mixture()
    ours, theirs = adapter.encode(parts), adapt(*toy_omni).encode(parts)
    assert ours.inputs.keys() == theirs.inputs.keys()
    for name, tensor in theirs.inputs.items():
        assert torch.equal(ours.inputs[name].cpu(), tensor), name
    assert load(str(omni_folder), device="cpu").family == "qwen_omni"


def test_a_text_folder_is_loaded_by_the_text_adapter(text_folder):
    adapter = load(text_folder, device="cpu")
    assert (adapter.family, adapter.modalities) == ("causal_text", ("text",))
    assert adapter.encode(prompt("Hello")).inputs.keys() == {"input_ids", "attention_mask"}


def test_a_processor_may_come_from_elsewhere(text_folder, toy_text):
    model, tokenizer = toy_text
    assert load(text_folder, tokenizer, device="cpu").tokenizer is tokenizer
    assert load(model, text_folder).model is model


def test_a_model_spread_by_a_device_map_gives_the_same(omni_folder, toy_omni, tmp_path):
    pytest.importorskip("accelerate")
    spread = {"model.visual": "disk", "model.audio_tower": "cpu", "model.language_model": "cpu", "lm_head": "cpu"}
    adapter = load(omni_folder, device_map=spread, offload_folder=str(tmp_path))
    assert adapter.model.hf_device_map == spread
    whole = adapt(*toy_omni)
    encoded = adapter.encode(mixture())
    ours, kwargs = adapter.embed(encoded, RESPONSE)
    theirs, theirs_kwargs = whole.embed(whole.encode(mixture()), RESPONSE)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        adapter.model(inputs_embeds=ours, **kwargs).logits, whole.model(inputs_embeds=theirs, **theirs_kwargs).logits
    )
    assert adapter.model.generate(**encoded.inputs, max_new_tokens=2).shape[1] > len(encoded.layout)


@pytest.mark.parametrize("away", ["model.language_model.layers.2", "lm_head", "model.visual"])
def test_a_spread_model_is_traced_like_a_whole_one(omni_folder, toy_omni, tmp_path, away):
    parts = ["model.visual", "model.audio_tower", "lm_head", "model.language_model.embed_tokens"]
    parts += [f"model.language_model.{name}" for name in ("norm", "rotary_emb", "layers.0", "layers.1", "layers.2")]
    spread = {name: "disk" if name == away else "cpu" for name in parts}
    adapter = load(omni_folder, device_map=spread, offload_folder=str(tmp_path))
    whole = adapt(*toy_omni)
    chosen = [signals.get(name) for name in ("attmean", "rawatt", "attgrads", "excess")]
    settings = {"progress": False, "max_new_tokens": 4}
    ours = decode(adapter, adapter.encode(mixture()), chosen, **settings)
    theirs = decode(whole, whole.encode(mixture()), chosen, **settings)
    assert ours.token_ids.tolist() == theirs.token_ids.tolist()
    for name, wanted in theirs.scores.items():
        np.testing.assert_allclose(ours.scores[name] / wanted.max(), wanted / wanted.max(), atol=1e-4, err_msg=name)


def test_inputs_go_where_the_model_is(toy_omni, toy_text):
    for model, processor in (toy_omni, toy_text):
        elsewhere = copy.deepcopy(model).to("meta")
        encoded = adapt(elsewhere, processor).encode(prompt("Hello"))
        assert {tensor.device.type for tensor in encoded.inputs.values()} == {"meta"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_the_embeddings_are_the_cpus(omni_folder, toy_omni):
    adapter = load(omni_folder, dtype="float32")
    assert adapter.model.device.type == "cuda"
    ours, kwargs = adapter.embed(adapter.encode(mixture()), RESPONSE)
    theirs, _ = adapt(*toy_omni).embed(adapt(*toy_omni).encode(mixture()), RESPONSE)
    torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=1e-3)
    assert adapter.model(inputs_embeds=ours, **kwargs).logits.isfinite().all()


@pytest.mark.parametrize("dtype", ["bfloat16", torch.float16])
def test_a_dtype_can_be_asked_for(omni_folder, dtype):
    adapter = load(omni_folder, dtype=dtype, device="cpu")
    assert adapter.model.dtype in {torch.bfloat16, torch.float16}
    encoded = adapter.encode(mixture())
    embeddings, kwargs = adapter.embed(encoded, RESPONSE)
    assert embeddings.dtype == adapter.model.dtype
    with torch.no_grad():
        assert adapter.model(inputs_embeds=embeddings, **kwargs).logits.isfinite().all()


def test_the_embedded_model_is_float32_on_the_cpu():
    adapter = load()
    assert adapter.name == "embedded"
    assert {weight.dtype for weight in adapter.model.parameters()} == {torch.float32}
    assert adapter.model.device.type == "cpu"
    encoded = adapter.encode(mixture())
    assert encoded.inputs["video_grid_thw"][0, 1:].prod() * 14 * 14 <= 112 * 112
    assert adapter.model.generate(**encoded.inputs, max_new_tokens=2).shape[1] > len(encoded.layout)


def test_the_frame_size_of_a_small_checkpoint_is_kept_and_the_real_ones_is_the_processors(toy_omni):
    _, processor = toy_omni
    adapter = adapt(*toy_omni)
    assert adapter.encode(prompt(film(1, width=400, height=400), "?")).layout.grids[0][1:] == (5, 5)
    real = make_omni_processor(processor.tokenizer, frame_size={"shortest_edge": 3136, "longest_edge": 12_845_056})
    grid = adapt(toy_omni[0], real).encode(prompt(film(1, width=2000, height=1000), "?")).layout.grids[0]
    assert grid[1] * grid[2] <= 768


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_a_missing_folder_is_named(name):
    with pytest.raises(ModelError, match="nowhere"):
        load(name)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ModelError, match="save_pretrained"):
        load(tmp_path)


def test_a_folder_with_a_damaged_model_is_named(omni_folder, tmp_path):
    for file in omni_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 5000 if file.suffix == ".safetensors" else None])
    with pytest.raises(ModelError, match=str(tmp_path)):
        load(tmp_path, device="cpu")


def test_a_hub_id_that_cannot_be_reached_is_named_with_a_way_out():
    with pytest.raises(ModelError, match=r"'nobody/no-such-model' could not be loaded.*folder of a downloaded"):
        load("nobody/no-such-model", local_files_only=True)


def test_an_unknown_architecture_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "from_the_future"}')
    with pytest.raises(ModelError, match="from_the_future"):
        load(tmp_path)


def test_an_unknown_device_is_named(omni_folder):
    with pytest.raises(ModelError, match="'abacus'"):
        load(omni_folder, device="abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_device_that_is_not_there_is_named(omni_folder):
    with pytest.raises(ModelError, match="'cuda'"):
        load(omni_folder, device="cuda")


def test_slips_of_the_pen_are_named(toy_text):
    with pytest.raises(ModelError, match=r"write ot\.load\(model, processor\)"):
        load(toy_text)
    with pytest.raises(ModelError, match="name is empty"):
        load("")
    with pytest.raises(SettingsError, match="dtype='float9' is unknown"):
        load("a-model-that-is-never-looked-for", device="cpu", dtype="float9")


def test_unknown_and_contradicting_keywords_are_refused(omni_folder, toy_omni):
    with pytest.raises(SettingsError, match="temperature"):
        load(omni_folder, device="cpu", temperature=1.0)
    with pytest.raises(SettingsError, match="device_map"):
        load(omni_folder, device="cpu", device_map="auto")
    with pytest.raises(SettingsError, match="device"):
        load(*toy_omni, device="cpu")


# ---------------------------------------------------------------- models of the wrong kind


def tiny_bert():
    return BertConfig(vocab_size=500, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)


def wrong_models():
    t5 = T5Config(vocab_size=500, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": 32}
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2]}
    text = {**small, "intermediate_size": 32, "vocab_size": 500, "rope_parameters": rope}
    vl = Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    return {
        "encoder-decoder": T5ForConditionalGeneration(t5),
        "cannot generate text": LlamaModel(make_text(make_tokenizer()).config),
        "BertModel cannot generate": BertModel(tiny_bert()),
        "BertForMaskedLM cannot generate": BertForMaskedLM(tiny_bert()),
        "both directions": BertLMHeadModel(tiny_bert()),
        "needs its Qwen2_5_VLProcessor": Qwen2_5_VLForConditionalGeneration(vl),
        "Linear": torch.nn.Linear(2, 2),
    }


@pytest.mark.parametrize("message", list(wrong_models()))
def test_a_model_of_the_wrong_kind_is_refused_with_the_reason(message, toy_text):
    with pytest.raises(ModelError, match=message):
        adapt(wrong_models()[message], toy_text[1])


@pytest.mark.parametrize("kind", ["encoder-decoder", "both directions"])
def test_a_folder_of_the_wrong_kind_is_refused(kind, tmp_path, toy_text):
    wrong_models()[kind].save_pretrained(tmp_path)
    toy_text[1].save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=kind):
        load(tmp_path, device="cpu")


def test_a_missing_or_foreign_processor_is_refused(toy_omni, toy_text):
    omni, processor = toy_omni
    text, tokenizer = toy_text
    with pytest.raises(ModelError, match="without its processor"):
        load(omni)
    with pytest.raises(ModelError, match="needs its Qwen2_5OmniProcessor"):
        adapt(omni, tokenizer)
    with pytest.raises(ModelError, match="needs its tokenizer"):
        adapt(text, processor.image_processor)
    with pytest.raises(ModelError, match="mel bins"):
        adapt(omni, make_omni_processor(processor.tokenizer, mel_bins=128))
    longer = copy.deepcopy(tokenizer)
    longer.add_tokens([f"new{number}" for number in range(9)])
    with pytest.raises(ModelError, match="not this model's"):
        adapt(text, longer)


def test_a_processor_with_other_placeholders_is_refused(toy_omni):
    model, processor = toy_omni
    other = copy.deepcopy(model.config)
    other.audio_token_index += 1
    moved = type(model)(other)
    with pytest.raises(ModelError, match="audio_token_id"):
        adapt(moved, processor)


def test_a_processor_without_a_chat_template_is_refused(toy_omni):
    model, processor = toy_omni
    bare = copy.deepcopy(processor)
    bare.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        adapt(model, bare)


def test_media_for_a_text_model_are_refused_by_number(toy_text):
    with pytest.raises(ModelError, match=r"Part 2 .*'image'"):
        adapt(*toy_text).encode(prompt("see", picture(60, 60)))


def test_every_refusal_is_of_the_one_family_of_errors():
    assert issubclass(ModelError, OmnitraceError)
    assert issubclass(SettingsError, OmnitraceError)


# ---------------------------------------------------------------- left as found


def test_model_and_processor_are_left_as_found():
    tokenizer = make_tokenizer()
    model, processor = make_omni(tokenizer)
    model.train()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    before = (processor.to_json_string(), str(model.config), tokenizer.backend_tokenizer.to_str())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        adapter = load(model, processor)
        encoded = adapter.encode([*mixture()[:-1], *prompt(*["x"] * 6, "<|im_end|>")[-1:]])
    adapter.embed(encoded, RESPONSE)
    assert adapter.model is model
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert (processor.to_json_string(), str(model.config), tokenizer.backend_tokenizer.to_str()) == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# ---------------------------------------------------------------- other text models


def tiny_gpt2(tokenizer, *, positions):
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=positions,
        bos_token_id=None,
        eos_token_id=None,
    )


def test_a_model_with_learned_positions_and_no_template_is_read_as_plain_text():
    tokenizer = make_tokenizer()
    config = tiny_gpt2(tokenizer, positions=64)
    adapter = adapt(GPT2LMHeadModel(config).eval(), tokenizer)
    encoded = adapter.encode(prompt("The harbour was quiet.", "What?"))
    assert tokenizer.decode(encoded.inputs["input_ids"][0]) == "The harbour was quiet.\nWhat?"
    embeddings, kwargs = adapter.embed(encoded, RESPONSE)
    with torch.no_grad():
        ours = adapter.model(inputs_embeds=embeddings, **kwargs).logits
    torch.testing.assert_close(ours, teacher_forced(adapter, encoded, RESPONSE))
    with pytest.raises(ModelError, match="at most 64"):
        adapter.encode(prompt("long " * 100))


def test_a_tokenizer_without_offsets_is_traced_by_its_bytes():
    tokenizer = ByT5Tokenizer()
    config = tiny_gpt2(tokenizer, positions=256)
    adapter = adapt(GPT2LMHeadModel(config), tokenizer)
    layout = adapter.encode(prompt("Zoë 🙂", "a</s>b")).layout
    chars = layout.chars[layout.positions(0)]
    assert chars.tolist() == [[0, 1], [1, 2], [2, 3], [2, 3], [3, 4], *[[4, 5]] * 4]
    assert tokenizer.eos_token_id not in layout.token_ids[layout.positions(1)]
    assert len(layout.positions(1)) == 6


def test_a_family_can_be_registered_and_goes_first(toy_text):
    model, tokenizer = toy_text
    mine = object()
    family = Family("mine", lambda config: config.model_type == "llama", lambda *_: mine, None, None)
    try:
        register(family)
        assert adapt(model, tokenizer) is mine
    finally:
        _FAMILIES.pop("mine")
    assert adapt(model, tokenizer).family == "causal_text"


# ---------------------------------------------------------------- the bytes of tokens

SAMPLES = [
    "The harbour was quiet.",
    "naïve café — 北京的天气很好 🙂👩‍👩‍👧 Zoë",
    "a  b\tc\n\nd   ",
    "  leading",
    "👍🏽",
    "עברית \u200f العربية",
]


def sentencepiece_like(prepend):
    """A tokenizer of Llama's kind: words joined by ▁, and bytes for what the vocabulary lacks."""
    characters = "▁abcdefghijklmnopqrstuvwxyzTHZ.,ï"
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *characters, "▁t", "▁th"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [("▁", "t"), ("▁t", "h")]
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token=named["unk_token"], byte_fallback=True, fuse_unk=True)
    )
    if prepend == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def wordpiece():
    words = ["[UNK]", "the", "harbour", "was", "qui", "##et", ".", "a", "##b", "café"]
    vocabulary = {word: number for number, word in enumerate(words)}
    unknown = {"unk_token": "[UNK]"}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, **unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **unknown)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("kind", ["byte-level", "prepend", "metaspace"])
def test_bytes_of_tokens_write_the_text(kind, sample):
    tokenizer = make_tokenizer() if kind == "byte-level" else sentencepiece_like(kind)
    ids = tokenizer(sample, add_special_tokens=False)["input_ids"]
    assert b"".join(token_bytes(tokenizer, ids)) == tokenizer.decode(ids).encode()
    if kind == "byte-level":
        assert b"".join(token_bytes(tokenizer, ids)) == sample.encode()


def test_a_character_of_several_tokens_is_given_byte_by_byte():
    tokenizer = sentencepiece_like("prepend")
    ids = tokenizer("a🙂", add_special_tokens=False)["input_ids"]
    assert token_bytes(tokenizer, ids) == [b"", b"a", b"\xf0", b"\x9f", b"\x99", b"\x82"]


def test_special_tokens_and_ids_beyond_the_vocabulary_write_nothing():
    tokenizer = make_tokenizer()
    ids = [tokenizer.eos_token_id, *tokenizer.encode("Mia"), tokenizer.audio_token_id, 100_000]
    assert b"".join(token_bytes(tokenizer, ids)) == b"Mia"


def test_added_words_write_themselves():
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<tool call>"])
    ids = tokenizer.encode("a<tool call>b")
    assert token_bytes(tokenizer, ids) == [b"a", b"<tool call>", b"b"]


def test_any_other_tokenizer_is_read_through_its_decoder():
    tokenizer = wordpiece()
    ids = tokenizer("The harbour was quiet. ab café")["input_ids"]
    pieces = token_bytes(tokenizer, ids)
    assert b"".join(pieces).decode() == tokenizer.decode(ids) == "the harbour was quiet. ab café"
    assert pieces[:5] == [b"the", b" harbour", b" was", b" qui", b"et"]


@pytest.mark.parametrize("prepend", ["prepend", "metaspace"])
def test_hostile_text_before_sentencepiece_gets_no_stray_space(prepend):
    tokenizer = sentencepiece_like(prepend)
    tokenizer.chat_template = "{% for m in messages %}<s>{{ m['content'] }}</s>{% endfor %}"
    config = tiny_gpt2(tokenizer, positions=256)
    adapter = adapt(GPT2LMHeadModel(config), tokenizer)
    layout = adapter.encode(prompt("the </s> hat")).layout
    mine = layout.token_ids[layout.positions(0)].tolist()
    assert tokenizer.eos_token_id not in mine
    assert np.isin(layout.token_ids, [tokenizer.bos_token_id, tokenizer.eos_token_id]).sum() == 2
    covered = layout.chars[layout.positions(0)]
    assert (covered[0][0], covered[-1][1]) == (0, len("the </s> hat"))
