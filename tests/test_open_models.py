"""Every family's prompts are what its own processor makes of the chat; what cannot be read is refused by its reason."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import numpy as np
import open_toys
import pytest
import torch
import transformers

import omnitrace_nb as ot
from omnitrace_nb import media
from omnitrace_nb.content import Audio, Image, Text, Video
from omnitrace_nb.errors import ModelError
from omnitrace_nb.models import adapt
from omnitrace_nb.models.open_media import argument, film_settings, sound_settings
from omnitrace_nb.models.qwen_media import frame_settings
from omnitrace_nb.models.tokens import special_ids

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (6, 60, 90, 3), dtype=np.uint8)
SOUNDS = RNG.uniform(-0.3, 0.3, (2, 16_000)).astype(np.float32)
ARGUMENTS = {"image": "images", "video": "videos", "audio": "audio"}
OPEN = (
    *("aya_vision", "gemma3", "gemma3n", "gemma4", "gemma4_large", "glm_asr", "internvl", "llava_onevision"),
    *("minicpmv4_6", "mistral3", "phi4_multimodal", "qwen2_5_vl", "qwen2_audio", "qwen2_vl", "qwen3_5", "qwen3_vl"),
    *("smolvlm", "smolvlm_1"),
)
OMNI = ("qwen2_5_omni_thinker", "qwen3_omni_thinker")
# Their own call fills sounds up to 300 s; test_models.py and test_qwen3_omni.py compare sounds as long as they are.
FILLED_UP = ("input_features", "feature_attention_mask")
HOSTILE = (
    "<image> <|image_pad|><row_1_col_1>\n<|vision_start|> [IMG] [IMG_END] <start_of_image> <|im_end|> <end_of_turn>",
    "<audio><|AUDIO|> <video> <image_soft_token> <bos></s> <global-img> <0.0 seconds> <|endoftext|> end",
)


@cache
def toy(name):
    """A family's model and processor, and their adapter: no test here alters them."""
    model, processor = import_module(f"families.{name}").make()
    return model, processor, adapt(model, processor)


def example(kind, number=0):
    if kind == "image":
        return Image(FRAMES[number])
    if kind == "audio":
        return Audio(SOUNDS[number], 16_000)
    return Video(FRAMES[number : number + 4], fps=2.0)


def conversations(kind):
    """A prompt for each place where a medium may stand."""
    one, other = example(kind), example(kind, 1)
    return {
        "at the beginning": [one, Text("What is it?")],
        "at the end": [Text("What is it?"), one],
        "alone": [one],
        "twice the same": [one, one, Text("  Are they the same? \n")],
        "in earlier turns": [
            Text("Be kind.", role="system"),
            Text("Hello."),
            one,
            Text("I see honey.", role="assistant"),
            Text("And now?"),
            other,
            Text("Tell me."),
        ],
    }


def loaded(adapter, parts):
    return media.load(parts, adapter.needs, adapter.modalities)


def kinds_of(adapter):
    return [kind for kind in adapter.modalities if kind != "text"]


def own_call(adapter, parts):
    """What the processor makes of the chat by itself, in one call."""
    messages, given = [], {}
    for part in parts:
        if not messages or messages[-1]["role"] != part.part.role:
            messages.append({"role": part.part.role, "content": []})
        text = {"text": part.content} if part.kind == "text" else {}
        messages[-1]["content"].append({"type": part.kind, **text})
        if part.kind != "text":
            given.setdefault(ARGUMENTS[part.kind], []).append(argument(part))
    settings = {**film_settings(parts), **sound_settings(parts)}
    if adapter.family in {"qwen_omni", "qwen3_omni"}:
        # A call of theirs has sizes of films of its own.
        settings.setdefault("videos_kwargs", {}).update(frame_settings(adapter.processor), fps=2.0)
        text = adapter._template(messages)
    else:
        text = adapter.template(messages)
        settings = {**settings, **{name: value for name, value in adapter.settings(parts).items() if name == "images"}}
    return adapter.processor(text=[text], return_tensors="pt", **{**given, **settings})


def plain_numbers(values):
    """Each frame or tile `[3, height, width]` of a tensor, or its mask, whether they stand in one row or in several."""
    tiled = values.shape[-2:] == (32, 32) or values.ndim == 5
    return values.reshape(-1, *values.shape[2:]) if tiled and values.ndim >= 4 else values


@pytest.mark.parametrize("name", [*OPEN, *OMNI])
def test_ids_and_features_are_those_of_the_processors_own_call(name):
    _, _, adapter = toy(name)
    prompts = {f"{kind} {where}": parts for kind in kinds_of(adapter) for where, parts in conversations(kind).items()}
    if name == "glm_asr":
        prompts = {label: parts for label, parts in prompts.items() if sum(isinstance(p, Audio) for p in parts) < 2}
    prompts["text alone"] = [Text("Hello."), Text("Who are you?")]
    if len(kinds_of(adapter)) > 1 and name != "smolvlm":  # of pictures and films its own call keeps the films alone
        every = [example(kind) for kind in kinds_of(adapter)]
        prompts["every kind"] = [Text("Look. "), *every, Text(" And: "), *reversed(every), Text("What?")]
    for label, content in prompts.items():
        parts = loaded(adapter, content)
        ours, theirs = adapter.encode(parts).inputs, own_call(adapter, parts)
        assert torch.equal(ours["input_ids"], theirs["input_ids"]), label
        for feature, values in theirs.items():
            if isinstance(values, torch.Tensor) and (name not in OMNI or feature not in FILLED_UP):
                found, wanted = plain_numbers(ours[feature]), plain_numbers(values).to(ours[feature].dtype)
                assert torch.equal(found, wanted), (label, feature)


@pytest.mark.parametrize("name", [*OPEN, *OMNI, "voxtral", "minicpm_o"])
def test_texts_that_hold_the_names_of_special_tokens_stay_their_own_characters(name):
    _, _, adapter = toy(name)
    placeholders = list(getattr(adapter, "placeholders", {}).values())
    added = {} if name == "voxtral" else adapter.tokenizer.added_tokens_decoder
    names = [token.content for token in added.values()]
    texts = [HOSTILE[0], " ".join(["all:", *placeholders, *names]), HOSTILE[1] + "".join(placeholders)]
    one = example(kinds_of(adapter)[0])
    layout = adapter.encode(loaded(adapter, [Text(texts[0]), one, Text(texts[1]), Text(texts[2])])).layout
    special = special_ids(adapter.tokenizer) if name != "voxtral" else set(adapter.tokenizer.all_special_ids)
    for index, text in zip((0, 2, 3), texts, strict=True):
        at = layout.positions(index)
        assert not set(layout.token_ids[at].tolist()) & set(special)
        assert b"".join(adapter.token_bytes(layout.token_ids[at].tolist())).decode().strip() == text.strip()
        written = np.zeros(len(text), bool)
        for start, end in layout.chars[at]:
            written[start:end] = True
        assert all(text[place].isspace() for place in np.flatnonzero(~written))
    alone = adapter.encode(loaded(adapter, [Text("Mia."), one, Text("Hugo."), Text("Otto.")])).layout
    assert len(layout.positions(1)) == len(alone.positions(1)) > 0


@pytest.mark.parametrize("name", [*OPEN, "voxtral"])
def test_odd_media_lie_within_their_part_or_are_refused_by_part_and_remedy(name):
    model, _, adapter = toy(name)
    odd = []
    if "image" in adapter.modalities:
        sizes = [(1, 1), (1, 300), (300, 1), (5, 5), (33, 500)]
        odd += [Image(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in sizes]
        odd.append(Image(RNG.integers(0, 256, (40, 60), dtype=np.uint8)))
    if "video" in adapter.modalities:
        odd += [Video(np.tile(FRAMES[:1], (count, 1, 1, 1)), fps=2.0) for count in (1, 3)]
    if "audio" in adapter.modalities:
        odd += [Audio(np.tile(SOUNDS[0], 32)[: round(s * 16_000)], 16_000) for s in (0.001, 0.1, 29.99, 31.0)]
        odd.append(Audio(np.zeros(1_600, np.float32), 16_000))
    read = 0
    for part in odd:
        parts = loaded(adapter, [Text("Look:"), part, Text("What?")])
        refused = ""
        try:
            encoded = adapter.encode(parts)
            embeddings, options = adapter.embed(encoded, torch.tensor([5]))
        except ModelError as error:
            refused = str(error)
        if refused:
            assert "art 2" in refused or type(model).__name__ in refused
            assert any(advice in refused for advice in ("hange the part", "ut it into parts", "ive the", "ive more"))
            continue
        read += 1
        assert torch.isfinite(adapter.forward(embeddings, **options).logits).all()
        layout, content = encoded.layout, parts[1].content
        at = layout.positions(1)
        assert len(at)
        if part in odd and not isinstance(part, Audio):
            width, height = content.original_size
            box = layout.box[at]
            assert (box[:, :2] >= 0).all()
            assert (box[:, 2:] >= box[:, :2]).all()  # padding may hold no pixel
            assert (box[:, 2:] > box[:, :2]).all(1).any()
            assert (box[:, 2:] <= np.array([width, height]) + 1e-3).all()
        if not isinstance(part, Image):
            time = layout.time[at]
            assert (time[:, 0] >= 0).all()
            assert (time[:, 0] < time[:, 1]).all()
            assert (time[:, 0] < content.duration).all()
            assert (np.diff(time[:, 0]) >= 0).all()
    assert read >= 2


@pytest.mark.parametrize("name", ["mistral3", "aya_vision", "glm_asr"])
def test_models_without_an_adapter_of_their_own_refuse_other_families_processors(name):
    model = toy(name)[0]

    def read(processor):
        adapter = adapt(model, processor)
        parts = loaded(adapter, [example(kinds_of(adapter)[0]), Text("What?")])
        adapter.embed(adapter.encode(parts), torch.tensor([5]))

    for other in {*OPEN, *OMNI, "voxtral"} - {name}:
        with pytest.raises(ModelError, match=r"not this model's|cannot read what its processor|chat template"):
            read(toy(other)[1])


def test_media_that_the_model_itself_cannot_read_are_named_when_traced():
    """Pixtral's eye in transformers fails on a picture of a single token."""
    model, processor, _ = toy("mistral3")
    with pytest.raises(ModelError, match=r"Mistral3ForConditionalGeneration cannot read .* a picture of a few pixels"):
        ot.load(model, processor).trace([Image(FRAMES[0, :5, :5]), Text("What?")], max_new_tokens=2, progress=False)


@pytest.mark.parametrize("name", ["mistral3", "qwen3_vl", "gemma4", "smolvlm"])
@pytest.mark.parametrize(
    ("change", "wrote"),
    [
        (lambda text, token: text.replace(token, "<other>"), "no media"),
        (lambda text, token: text.replace(token, ""), "no media"),
        (lambda text, token: text.replace(token, token + token), "2 x image"),
    ],
)
def test_a_template_that_drops_doubles_or_renames_media_is_refused_as_a_template(name, change, wrote):
    model, processor, _ = toy(name)
    adapter = adapt(model, processor)
    written = adapter.template
    adapter.template = lambda messages: change(written(messages), adapter.placeholders["image"])
    with pytest.raises(ModelError, match=rf"template wrote placeholders for {wrote}, but the prompt has 1 x image"):
        adapter.encode(loaded(adapter, [example("image"), Text("What?")]))


@pytest.mark.parametrize("name", ["mistral3", "qwen3_vl", "gemma3n", "voxtral", "qwen2_5_omni_thinker"])
def test_nothing_is_left_over_from_prompts_before(name):
    """The same adapter with a longer prompt, a shorter one, and the user's own `generate` in between."""
    model, processor, _ = toy(name)
    adapter = adapt(model, processor)
    every = [example(kind) for kind in kinds_of(adapter)]

    def logits(*content):
        embeddings, options = adapter.embed(adapter.encode(loaded(adapter, content)), torch.tensor([11, 12]))
        return adapter.forward(embeddings, **options).logits.detach()

    first = logits(*every, Text("What?"))
    logits(Text("Mia sells honey. " * 9), *every, *every, Text("What is it?"))
    logits(Text("Hi."))
    longer = adapter.encode(loaded(adapter, [*every, *every, Text("Tell me more.")]))
    adapter.model.generate(**longer.inputs, **longer.options, max_new_tokens=2)
    assert torch.equal(logits(*every, Text("What?")), first)


@pytest.mark.parametrize("name", ["mistral3", "qwen3_vl", "gemma3"])
def test_a_trace_does_not_depend_on_the_mode_in_which_it_is_asked_for(name):
    model, processor = import_module(f"families.{name}").make()
    tracer = ot.load(model, processor)
    signals = ["attmean", "attgrads"]

    def trace():
        return tracer.trace(
            [example("image"), Text("What?")], signals=signals, max_new_tokens=3, progress=False, seed=1
        )

    usual = trace()
    changed = []
    with torch.no_grad():
        changed.append(trace())
    with torch.inference_mode():
        changed.append(trace())
    model.train().requires_grad_(requires_grad=False)
    changed.append(trace())
    assert model.training
    for trace_ in changed:
        for signal in signals:
            scale = np.abs(usual.scores(signal)).max()
            np.testing.assert_allclose(trace_.scores(signal), usual.scores(signal), rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (transformers.Florence2Config, "is an encoder-decoder"),
        (transformers.Blip2Config, "is an encoder-decoder"),
        (transformers.MllamaConfig, "reads media by cross-attention"),
        (transformers.IdeficsConfig, "reads media by cross-attention"),
        (transformers.DiffusionGemmaConfig, "is a diffusion model"),
    ],
)
def test_models_of_other_kinds_are_refused_by_their_configuration_with_the_reason(config, reason, tmp_path):
    """Before any weight is loaded."""
    made = config(text_config={"model_type": "t5"}) if config is transformers.Blip2Config else config()
    made.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=rf"{reason}.*Only decoder-only models"):
        ot.load(tmp_path)


def test_a_model_whose_prompt_looks_ahead_throughout_is_refused():
    """PaliGemma: its whole prompt, question and all, is read in both directions."""
    tokenizer = open_toys.make_tokenizer(image="<image>")
    config = transformers.PaliGemmaConfig(
        text_config={"model_type": "gemma", **open_toys.text_config(tokenizer)},
        vision_config={"model_type": "siglip_vision_model", "image_size": 56, "patch_size": 14, **open_toys.ENCODER},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=64,
    )
    model = transformers.PaliGemmaForConditionalGeneration(config)
    with pytest.raises(ModelError, match="reads its prompt like one: its attention looks in both directions"):
        ot.load(model, toy("mistral3")[1])
