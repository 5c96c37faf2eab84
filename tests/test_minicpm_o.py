"""MiniCPM-o 4.5, by its own remote code and by a stand-in of the same interface: the same stories of both.

The checkpoint's code cannot be here. OMNITRACE_MINICPMO names a folder with it: `MiniCPMO45` of OpenBMB's public
repository `minicpm-o-4_5-pytorch-simple-demo`, or a downloaded checkpoint. Its weights are not needed.
OMNITRACE_TRANSFORMERS_4_51 names a folder with the transformers that its authors pin, made by `pip install --no-deps
--target FOLDER transformers==4.51.0 tokenizers==0.21.4 huggingface_hub==0.36.0`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import standin_minicpmo
import torch
from families import minicpm_o as toy
from PIL import Image
from prompts import RATE, film, picture, prompt, sound
from transformers import WhisperFeatureExtractor, WhisperProcessor

import omnitrace_nb as ot
from omnitrace_nb import signals
from omnitrace_nb.capture import decode
from omnitrace_nb.conformance import CHECKS, check_adapter
from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, IMAGE, TEXT, VIDEO
from omnitrace_nb.models import adapt, load
from omnitrace_nb.models.minicpm_bridge import encoding

THEIRS = os.environ.get("OMNITRACE_MINICPMO", "")
THEN = os.environ.get("OMNITRACE_TRANSFORMERS_4_51", "")
QUESTION = "What does the second picture show?"
# The checkpoint's configuration, smaller.
TOY = {
    "vocab_size": 152_064,
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "init_tts": False,
    "query_num": 64,
    "initializer_range": 0.2,
    "vision_config": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
        "patch_size": 14,
        "image_size": 980,
    },
    "audio_config": {
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 128,
        "init_std": 0.2,
    },
}
PROCESSOR = "standin_minicpmo.StandInProcessor"
# The checkpoint's code imports, where it speaks, packages that nobody needs who traces.
SPEAKING = "from .standin_minicpmo import StandIn\n\n\ndef speak():\n    import a_package_for_speaking\n"
SIGNALS = ["attmean", "rawatt", "attgrads", "excess", "leave_one_out", "input_x_gradient"]


@pytest.fixture(scope="module", params=["stand-in", "remote code"])
def folder(request, tmp_path_factory):
    """A folder as a checkpoint's: code, tokenizer, random weights; and the model that the weights are of."""
    if request.param == "remote code" and not THEIRS:
        pytest.skip("OMNITRACE_MINICPMO names no folder with the model's own code")
    place = tmp_path_factory.mktemp("minicpmo") / "checkpoint"
    return place, (theirs if THEIRS and request.param == "remote code" else ours)(place)


@pytest.fixture(scope="module")
def adapter(folder):
    return load(folder[0], trust_remote_code=True, device="cpu")


@pytest.fixture
def whole(adapter):
    return adapter.whole, adapter.processor


def ours(place):
    model, processor = toy.make()
    place.mkdir()
    shutil.copy(standin_minicpmo.__file__, place)
    (place / "standin.py").write_text(SPEAKING)
    return _save(model, place, processor, names=("standin_minicpmo.StandInConfig", "standin.StandIn", PROCESSOR))


def theirs(place):
    source = Path(THEIRS).resolve()
    shutil.copytree(source, place, ignore=shutil.ignore_patterns("*.safetensors*", "*.bin", "assets"))
    sys.path.insert(0, str(source.parent))
    config = import_module(f"{source.name}.configuration_minicpmo").MiniCPMOConfig(**TOY)
    torch.manual_seed(0)
    model = import_module(f"{source.name}.modeling_minicpmo").MiniCPMO(config).eval()
    with torch.no_grad():
        model.resampler.query.normal_()  # zeros, until it is trained: all positions of a slice would be one
    return _save(model, place, None, names=("configuration_minicpmo.MiniCPMOConfig", "modeling_minicpmo.MiniCPMO"))


def _save(model, place, processor, *, names):
    generation = place / "generation_config.json"
    kept = generation.read_bytes() if generation.exists() else None
    model.save_pretrained(place)
    if kept is not None:
        generation.write_bytes(kept)
    classes = dict(zip(("AutoConfig", "AutoModel", "AutoProcessor"), names, strict=False))
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"auto_map": classes}))
    if processor is not None:
        processor.tokenizer.save_pretrained(place)
        (place / "preprocessor_config.json").write_text(json.dumps({"auto_map": classes}))
    return model


def pil(content):
    return Image.fromarray(content.pixels)


def their_inputs(model, processor, pieces, between, **settings):
    """The processor's own call on a chat as the model's `chat` writes it, and the embeddings that the model gives."""
    marks = {Image.Image: "<image>./</image>", np.ndarray: "<audio>./</audio>"}
    texts = [piece if isinstance(piece, str) else marks[type(piece)] for piece in pieces]
    heard = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": between.join(texts)}],
        tokenize=False,
        add_generation_prompt=True,
        use_tts_template=bool(heard),
        enable_thinking=False,
    )
    pictures = [piece for piece in pieces if isinstance(piece, Image.Image)]
    data = dict(processor([text], images=[pictures], audios=[heard], **settings))
    data["input_ids"] = data["input_ids"].long()
    with encoding(model):
        embeddings, _ = model.get_vllm_embedding(data)
        embeddings = model.get_omni_embedding(data, embeddings, chunk_length=model.config.audio_chunk_length)
    return data, embeddings


def test_it_is_loaded_by_its_own_code_as_it_was_saved(folder, adapter):
    place, saved = folder
    assert adapter.family == "minicpm_o"
    assert adapter.name == str(place)
    loaded = {**adapter.whole.state_dict(), **dict(adapter.whole.named_buffers())}
    for name, value in {**saved.state_dict(), **dict(saved.named_buffers())}.items():
        assert torch.equal(loaded[name], value), name  # the resampler's positions too, which stand in no file
    assert not hasattr(adapter.whole, "tts")
    eos = adapter.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert eos in np.atleast_1d(adapter.model.generation_config.eos_token_id)


def test_code_that_is_not_trusted_is_not_run(folder):
    with pytest.raises(ModelError, match="trust_remote_code"):
        load(folder[0])


def test_a_package_that_the_code_cannot_do_without_is_named(folder, tmp_path):
    place = shutil.copytree(folder[0], tmp_path / "checkpoint")
    classes = json.loads((place / "config.json").read_text())["auto_map"]
    # A configuration of its own too: transformers keeps the model class that it knows for one.
    for name, line in (("AutoConfig", "# another"), ("AutoModel", "import a_package_for_pictures")):
        code = place / f"{classes[name].partition('.')[0]}.py"
        code.write_text(f"{code.read_text()}\n{line}\n")
    with pytest.raises(ModelError, match="run `pip install a_package_for_pictures`"):
        load(place, trust_remote_code=True)


def test_ids_and_embeddings_of_a_mixed_prompt_are_those_of_the_models_own_processor(adapter, whole):
    # Sounds of one length: there the shorter would be filled up to the longer, here each is read by itself.
    large, small, one, two = picture(900, 640), picture(40, 40, seed=1), sound(3.27), sound(3.27, seed=2)
    encoded = adapter.encode(prompt("Mia sells honey.", large, one, "And:", small, two, QUESTION))
    pieces = ["Mia sells honey.", pil(large), one.samples, "And:", pil(small), two.samples, QUESTION]
    data, embeddings = their_inputs(*whole, pieces, "")
    assert encoded.inputs["input_ids"].tolist() == data["input_ids"].tolist()
    torch.testing.assert_close(encoded.inputs["inputs_embeds"], embeddings, rtol=0, atol=1e-4 * embeddings.std())
    own = encoded.layout.modality
    assert [(own == kind).sum() for kind in (IMAGE, AUDIO)] == [
        int(sum(end - start for start, end in data[name][0])) for name in ("image_bound", "audio_bounds")
    ]


def test_the_logits_are_those_of_the_models_own_forward(adapter, whole):
    seen, heard = picture(900, 640), sound(2.0)
    encoded = adapter.encode(prompt(seen, heard, QUESTION))
    data, _ = their_inputs(*whole, [pil(seen), heard.samples, QUESTION], "")
    data["position_ids"] = torch.arange(data["input_ids"].shape[1])[None]
    with encoding(whole[0]):
        wanted = whole[0](data, use_cache=False).logits
        got = adapter.forward(*adapter.embed(encoded, torch.zeros(0, dtype=torch.long))[:1]).logits
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4 * float(wanted.std()))


def test_pictures_alone_are_written_on_lines_of_their_own_as_in_a_chat(adapter, whole):
    one, two = picture(300, 80), picture(60, 120, seed=1)
    encoded = adapter.encode(prompt("See:", one, two, QUESTION))
    data, _ = their_inputs(*whole, ["See:", pil(one), pil(two), QUESTION], "\n")
    assert encoded.inputs["input_ids"].tolist() == data["input_ids"].tolist()


def test_a_film_is_its_frames_with_the_sound_of_each_second_between_them(adapter, whole):
    model, processor = whole
    track = sound(4.0)
    shown = film(4, track=track, fps=1.0)
    encoded = adapter.encode(prompt("Look.", shown, QUESTION))
    seconds = [track.samples[at * RATE : (at + 1) * RATE] for at in range(4)]
    frames = [Image.fromarray(frame) for frame in shown.frames]
    pieces = ["Look.", *chain.from_iterable(zip(frames, seconds, strict=True)), QUESTION]
    # Sounds of one message are heard as one there, and dealt out among their places where `stream_input` is set.
    model.config.stream_input = True
    data, embeddings = their_inputs(
        model, processor, pieces, "", audio_parts=[[0] * 4], max_slice_nums=1, use_image_id=False
    )
    model.config.stream_input = False
    assert encoded.inputs["input_ids"].tolist() == data["input_ids"].tolist()
    torch.testing.assert_close(encoded.inputs["inputs_embeds"], embeddings, rtol=0, atol=1e-4 * embeddings.std())
    layout = encoded.layout
    for modality, count in ((VIDEO, processor.image_processor.image_feature_size), (AUDIO, 10)):
        own = layout.positions(1, modality)
        assert np.floor(layout.time[own, 0] + 1e-6).tolist() == np.repeat(np.arange(4), count).tolist()
    assert (layout.box[layout.positions(1, VIDEO)] == (0, 0, 112, 84)).all()


def test_a_silent_film_is_frames_on_lines_of_their_own(adapter, whole):
    shown = film(3, fps=1.0)
    encoded = adapter.encode(prompt(shown, QUESTION))
    frames = [Image.fromarray(frame) for frame in shown.frames]
    data, _ = their_inputs(*whole, [*frames, QUESTION], "\n", max_slice_nums=1, use_image_id=False)
    assert encoded.inputs["input_ids"].tolist() == data["input_ids"].tolist()


def test_what_changes_in_a_slice_moves_its_own_positions_and_the_overview(adapter):
    content = picture(1300, 870)
    before = adapter.encode(prompt(content, QUESTION))
    layout, positions = before.layout, before.layout.positions(0, IMAGE)
    boxes = np.unique(layout.box[positions], axis=0)
    queries = adapter.processor.image_processor.image_feature_size
    assert len(positions) == len(boxes) * queries
    overview = (layout.box == (0, 0, 1300, 870)).all(axis=1)
    slices = [box for box in boxes if tuple(box) != (0, 0, 1300, 870)]
    assert sum((box[2] - box[0]) * (box[3] - box[1]) for box in slices) == pytest.approx(1300 * 870)
    assert len(slices) > 1
    for box in slices:
        left, top, right, bottom = box.astype(int)
        pixels = content.pixels.copy()
        # Resizing mixes pixels of neighbours: the middle is the slice's alone.
        inside = pixels[top + 40 : bottom - 40, left + 40 : right - 40]
        inside[:] = 255 - inside
        after = adapter.encode(prompt(type(content)(pixels), QUESTION))
        moved = (after.inputs["inputs_embeds"] - before.inputs["inputs_embeds"])[0].abs().amax(-1).numpy() > 0
        assert set(np.flatnonzero(moved)) == set(np.flatnonzero((layout.box == box).all(axis=1) | overview))


def test_an_overview_is_a_source_of_its_own_and_slices_are_their_regions(adapter):
    tracer = ot.Tracer(adapter)
    content = [ot.Image(picture(1300, 870).pixels), QUESTION]
    trace = tracer.trace(content, ["attmean"], max_new_tokens=1, progress=False, sources={"image": (1, 2)})
    overview, left, right, _ = trace.sources.itertuples()
    assert overview.label == "image 1, as a whole"
    assert overview.tokens == adapter.processor.image_processor.image_feature_size
    assert left.tokens + right.tokens + overview.tokens == len(trace.layout.positions(0))
    assert trace.regroup({"image": "whole"}).sources["label"].tolist()[:-1] == ["image 1"]


def test_a_position_of_sound_is_a_tenth_of_a_second(adapter):
    encoded = adapter.encode(prompt(sound(2.75), QUESTION))
    times = encoded.layout.time[encoded.layout.positions(0)]
    np.testing.assert_allclose(times[:, 0], np.arange(27) / 10, atol=1e-6)
    np.testing.assert_allclose(times[:, 1], np.arange(1, 28) / 10, atol=1e-6)


def test_a_sound_of_more_than_half_a_minute_is_read_half_a_minute_at_a_time(adapter, whole):
    model, processor = whole
    heard = sound(62.5)
    encoded = adapter.encode(prompt(heard, QUESTION))
    model.config.stream_input = True
    data, embeddings = their_inputs(model, processor, [heard.samples, QUESTION], "\n")
    model.config.stream_input = False
    assert encoded.inputs["input_ids"].tolist() == data["input_ids"].tolist()
    torch.testing.assert_close(encoded.inputs["inputs_embeds"], embeddings, rtol=0, atol=1e-4 * embeddings.std())
    assert encoded.layout.time[encoded.layout.positions(0)][-1].tolist() == pytest.approx([62.4, 62.5])


def test_an_instant_of_sound_still_has_a_position(adapter):
    encoded = adapter.encode(prompt(sound(0.01), QUESTION))
    assert len(encoded.layout.positions(0)) == 1
    assert encoded.layout.time[encoded.layout.positions(0)][0].tolist() == pytest.approx([0, 0.01])


@pytest.mark.parametrize("size", [(5000, 3000), (6000, 20), (20, 6000), (2, 2)])
def test_a_picture_of_any_shape_is_read_in_ten_slices_at_most(adapter, size):
    table = adapter.whole.resampler.pos_embed
    encoded = adapter.encode(prompt(picture(*size), QUESTION))
    boxes = encoded.layout.box[encoded.layout.positions(0)]
    assert boxes.min() == 0
    assert boxes[:, 2:].max(axis=0).tolist() == pytest.approx(size)
    assert len(boxes) <= 10 * adapter.processor.image_processor.image_feature_size
    assert adapter.whole.resampler.pos_embed is table  # it grew for the long ones, and is given back


def test_names_of_the_models_marks_in_a_text_stay_text(adapter):
    said = "<image>./</image> <|audio_start|><unk><|im_end|> <slice>"
    encoded = adapter.encode(prompt(said, picture(40, 40), QUESTION))
    own = encoded.layout.positions(0, TEXT)
    assert encoded.layout.chars[own].max() == len(said)
    assert not set(encoded.layout.token_ids[own]) & set(adapter.tokenizer.all_special_ids)
    written = b"".join(adapter.token_bytes(encoded.layout.token_ids[own].tolist())).decode()
    assert written.startswith(said)  # its last token may hold the line's end too


def test_a_prompt_beyond_the_context_is_refused_before_anything_is_heard(adapter, monkeypatch):
    monkeypatch.setattr(adapter.whole.config, "max_position_embeddings", 300)
    monkeypatch.setattr(adapter.whole, "get_audio_embedding", None)
    with pytest.raises(ModelError, match="reads at most 300"):
        adapter.encode(prompt(sound(45.0), QUESTION))


def test_processors_of_other_models_are_refused(whole, monkeypatch):
    model, processor = whole
    other = WhisperProcessor(WhisperFeatureExtractor(), processor.tokenizer)
    with pytest.raises(ModelError, match=r"needs the processor of MiniCPM-o 4\.5, but WhisperProcessor was given"):
        adapt(model, other)
    with pytest.raises(ModelError, match="trust_remote_code=True"):
        adapt(model, processor.tokenizer)
    monkeypatch.setattr(processor, "pool_step", 2)
    with pytest.raises(ModelError, match=r"makes 2 pooled frames a position of sound, the model reads 5\. Load both"):
        adapt(model, processor)


def test_a_model_that_lost_its_positions_in_loading_is_refused(whole):
    model, processor = whole
    table = model.resampler.pos_embed
    try:
        model.resampler.pos_embed = torch.zeros_like(table)
        with pytest.raises(ModelError, match=r"lost the positions of its pictures.*load it by ot\.load"):
            adapt(model, processor)
    finally:
        model.resampler.pos_embed = table


def test_a_model_of_ones_own_stays_as_it_is(whole):
    model, processor = whole
    patch, table = model.llm.prepare_inputs_for_generation, model.resampler.pos_embed
    configuration, weights = str(model.config), [(each.data_ptr(), each._version) for each in model.parameters()]
    tracer = ot.load(model.train(), processor)
    try:
        first = tracer.adapter.encode(prompt(picture(90, 3000), sound(2.0), QUESTION))
        again = tracer.adapter.encode(prompt(picture(90, 3000), sound(2.0), QUESTION))
        trace = tracer.trace([ot.Image(np.zeros((40, 40, 3), np.uint8)), QUESTION], max_new_tokens=2, progress=False)
        assert all(module.training for module in model.modules())
    finally:
        model.eval()
    assert torch.equal(first.inputs["inputs_embeds"], again.inputs["inputs_embeds"])  # no dropout
    assert len(trace.steps)
    assert model.llm.prepare_inputs_for_generation == patch
    assert model.resampler.pos_embed is table
    assert str(model.config) == configuration
    assert [(each.data_ptr(), each._version) for each in model.parameters()] == weights
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_mixed_prompt_is_traced_by_every_kind_of_signal(adapter, media_dir):
    tracer = ot.Tracer(adapter)
    content = [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(media_dir / "red.png"),
        ot.Audio(media_dir / "tone.wav"),
        ot.Video(media_dir / "film.mp4"),
        QUESTION,
    ]
    assert tracer.estimate(content, SIGNALS, max_new_tokens=4).fits
    trace = tracer.trace(content, SIGNALS, max_new_tokens=4, do_sample=False, progress=False)
    assert set(trace.sources["modality"]) == {"text", "image", "audio", "video"}
    for signal in SIGNALS:
        mass = trace.mass(signal)
        assert mass.shape == (len(trace.steps), len(trace.sources))
        assert np.isfinite(mass).all()
        assert mass.any()
    trace = tracer.add(trace, "saliency", content=content, progress=False)  # reads the prompt again
    assert np.isfinite(trace.mass("saliency")).all()


def test_the_whole_conformance_kit_passes(adapter, media_dir):
    content = [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)),
        ot.Audio(media_dir / "tone.wav"),
        ot.Video(media_dir / "film.mp4"),
        QUESTION,
    ]
    report = check_adapter(adapter, content)
    assert report.passed, report
    assert report["check"].tolist() == list(CHECKS)
    assert report.loc[report["result"] == "n/a", "check"].tolist() == ["half_precision"]


def test_the_kit_passes_in_half_precision(folder, media_dir):
    adapter = load(folder[0], trust_remote_code=True, device="cpu", dtype="bfloat16")
    content = [ot.Image(media_dir / "red.png"), ot.Audio(media_dir / "tone.wav"), QUESTION]
    checks = ["patches", "seconds", "tokens", "rows", "hiding", "half_precision", "caches"]
    report = check_adapter(adapter, content, checks=checks)
    assert (report["result"] == "pass").all(), report


@pytest.mark.skipif(not (THEIRS and THEN), reason="needs OMNITRACE_MINICPMO and OMNITRACE_TRANSFORMERS_4_51")
def test_prompt_logits_and_response_are_those_of_the_transformers_that_the_authors_pin(tmp_path):
    place = tmp_path / "checkpoint"
    theirs(place)
    seen, heard = picture(900, 640), sound(3.27)
    np.savez(tmp_path / "prompt.npz", *["Mia sells honey.", seen.pixels, heard.samples, QUESTION], config=TOY)
    program = Path(__file__).with_name("minicpmo_then.py")
    command = [sys.executable, program, Path(THEIRS).resolve(), place, tmp_path / "prompt.npz", tmp_path / "out.npz"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": THEN})
    wanted = np.load(tmp_path / "out.npz")
    adapter = load(place, trust_remote_code=True, device="cpu")
    encoded = adapter.encode(prompt("Mia sells honey.", seen, heard, QUESTION))
    embeddings, options = adapter.embed(encoded, torch.zeros(0, dtype=torch.long))
    with torch.no_grad():
        logits = adapter.forward(embeddings, **options).logits[0, -1].numpy()
    got = decode(adapter, encoded, [signals.get("attmean")], progress=False, max_new_tokens=8, do_sample=False)
    assert encoded.layout.token_ids.tolist() == wanted["ids"].tolist()
    np.testing.assert_allclose(embeddings[0], wanted["embeddings"], atol=1e-4 * wanted["embeddings"].std())
    np.testing.assert_allclose(logits, wanted["logits"], atol=1e-4 * wanted["logits"].std())
    assert got.token_ids.tolist() == wanted["tokens"].tolist()
