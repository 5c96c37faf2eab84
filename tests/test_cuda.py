"""On a CUDA device: whatever a run says there is what it says on the CPU, and a spread model says it too."""

from __future__ import annotations

import copy
from importlib import import_module

import numpy as np
import pytest
import torch
from test_families import FAMILIES

import omnitrace_nb as ot
from omnitrace_nb import signals
from omnitrace_nb.capture import decode
from omnitrace_nb.capture.tap import Tap
from omnitrace_nb.conformance import check_adapter
from omnitrace_nb.models import adapt, load
from omnitrace_nb.prompting import Prompt

DEVICE = "cuda"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

APART = 2e-3  # of a signal's largest score: float32, summed in another order
DECODING = ["attmean", "rawatt", "excess", "attgrads", "attgrads_all", "attcat", "excess_grads", "attnorm"]
PASSES = ["rollout", "routes", "saliency", "input_x_gradient", "leave_one_out", "embed_processor"]
MORE = [
    signals.integrated_gradients(steps=8),
    *(signals.ablate("leave_one_out", operator=operator) for operator in ("mask_direct", "mean", "raw")),
]


@pytest.fixture(scope="module", autouse=True)
def _in_float32():
    """No convolution in TF32, which keeps ten bits of a number."""
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield


@pytest.fixture(scope="module")
def content(media_dir):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(media_dir / "red.png"),
        ot.Audio(media_dir / "tone.wav"),
        ot.Video(media_dir / "film.mp4"),
        "What does the second picture show?",
    ]


@pytest.fixture(scope="module")
def here(toy_omni):
    return ot.Tracer(adapt(*toy_omni))


@pytest.fixture(scope="module")
def there(toy_omni):
    model, processor = toy_omni
    return ot.Tracer(adapt(copy.deepcopy(model).to(DEVICE), processor))


@pytest.fixture(scope="module")
def folder(toy_omni, tmp_path_factory):
    """The toy model as files."""
    path = tmp_path_factory.mktemp("omni")
    for each in toy_omni:
        each.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def both(here, there, content):
    """One prompt traced by every signal, on the CPU and on the device."""
    chosen = [*DECODING, *PASSES, *MORE]
    return [tracer.trace(content, chosen, max_new_tokens=6, progress=False) for tracer in (here, there)]


def assert_alike(ours, wanted, label):
    largest = np.abs(wanted.scores(label)).max()
    assert largest > 0
    np.testing.assert_allclose(ours.scores(label) / largest, wanted.scores(label) / largest, atol=APART, err_msg=label)


def test_the_tokens_are_the_cpus(both):
    wanted, ours = both
    assert ours.response_record.token_ids.tolist() == wanted.response_record.token_ids.tolist()
    np.testing.assert_allclose(ours.response_record.logprobs, wanted.response_record.logprobs, atol=1e-3)


@pytest.mark.parametrize("label", [*DECODING, *PASSES, *(each.label for each in MORE)])
def test_every_signal_scores_as_on_the_cpu(both, label):
    wanted, ours = both
    assert "failed" not in ours.run.signals.get(label, {})
    assert_alike(ours, wanted, label)


def test_no_weight_and_no_input_has_left_the_device(there, content):
    assert {each.device.type for each in there.adapter.model.parameters()} == {DEVICE}
    encoded = Prompt.read(there.adapter, content).encoded
    assert {each.device.type for each in encoded.inputs.values()} == {DEVICE}


def test_pixels_and_samples_get_the_same_maps(here, there, both):
    wanted, ours = (tracer.input_map(trace, progress=False) for tracer, trace in zip((here, there), both, strict=True))
    for one, other in zip(ours, wanted, strict=True):
        largest = np.abs(other.values).max()
        np.testing.assert_allclose(one.values / largest, other.values / largest, atol=2e-2, err_msg=one.label)


def test_a_finished_trace_is_verified_and_added_to(here, there, both):
    wanted, ours = (
        tracer.verify(trace, progress=False).checks for tracer, trace in zip((here, there), both, strict=True)
    )
    assert len(ours) == len(wanted)
    label = (signals.get("excess") | ot.controls.get("minus_null")).label
    added = [
        tracer.add(trace, signals.get("excess") | ot.controls.get("minus_null"), progress=False)
        for tracer, trace in zip((here, there), both, strict=True)
    ]
    assert_alike(added[1], added[0], label)


def test_the_kit_passes(there, content):
    report = check_adapter(there, content)
    assert report.passed, report
    assert (report["result"] == "n/a").sum() == 1  # half precision, of a float32 model


def test_the_kit_passes_in_half_precision(toy_omni):
    model, processor = toy_omni
    checks = ["tokens", "embeddings", "hiding", "half_precision", "caches", "untouched"]
    report = check_adapter(adapt(copy.deepcopy(model).to(DEVICE, torch.bfloat16), processor), checks=checks)
    assert (report["result"] == "pass").all(), report


def test_the_kit_passes_on_a_text_model(toy_text):
    model, tokenizer = toy_text
    assert check_adapter(adapt(copy.deepcopy(model).to(DEVICE), tokenizer)).passed


def test_rows_of_layers_made_together_are_those_made_one_by_one(toy_omni, content, monkeypatch):
    model, processor = toy_omni
    adapter = adapt(copy.deepcopy(model).to(DEVICE, torch.bfloat16), processor)
    prompt = Prompt.read(adapter, content)
    chosen = [signals.get(name) for name in ("attmean", "excess", "attgrads")]
    settings = {"progress": False, "max_new_tokens": 6}
    waited, wait = [], Tap._wait
    monkeypatch.setattr(Tap, "_wait", lambda tap, call: waited.append(wait(tap, call)) or waited[-1])
    together = decode(adapter, prompt.encoded, chosen, prompt.baseline, **settings)
    assert sum(waited) == 2 * 6  # two of three layers: the last prompt token again, and five steps
    monkeypatch.setattr(Tap, "_wait", lambda _tap, _call: False)
    one_by_one = decode(adapter, prompt.encoded, chosen, prompt.baseline, **settings)
    assert together.token_ids.tolist() == one_by_one.token_ids.tolist()
    for name, wanted in one_by_one.scores.items():
        np.testing.assert_allclose(together.scores[name], wanted, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes_the_kit(family, media_dir):
    toy = import_module(f"families.{family}")
    model, processor = toy.make()
    report = check_adapter(
        adapt(model.to(DEVICE), processor), toy.content(media_dir) if hasattr(toy, "content") else None
    )
    assert report.passed, report
    not_applicable = set(report.loc[report["result"] == "n/a", "check"])
    assert not_applicable - {"half_precision"} == set(toy.NOT_APPLICABLE), report


def test_sampled_tokens_are_those_of_generate_and_the_generator_is_given_back(there, content):
    prompt = Prompt.read(there.adapter, content)
    settings = {"max_new_tokens": 6, "do_sample": True, "temperature": 2.0}
    torch.manual_seed(5)
    with torch.no_grad():
        plain = there.adapter.model.generate(**prompt.encoded.inputs, **prompt.encoded.options, **settings)
    before = torch.cuda.get_rng_state()
    got = decode(
        there.adapter, prompt.encoded, [signals.get("attgrads")], prompt.baseline, progress=False, seed=5, **settings
    )
    assert got.token_ids.tolist() == plain[0, len(prompt.encoded.layout) :].tolist()
    assert torch.equal(torch.cuda.get_rng_state(), before)


def spreads():
    """Device maps by name: everything on the device, some layers offloaded, the encoders left on the CPU."""
    layers: dict[str, int | str] = {f"model.language_model.layers.{number}": 0 for number in range(3)}
    rest = dict.fromkeys(("model.language_model.embed_tokens", "model.language_model.norm", "lm_head"), 0)
    rest["model.language_model.rotary_emb"] = 0
    encoders = {"model.visual": 0, "model.audio_tower": 0}
    whole = layers | rest | encoders
    return {
        "auto": "auto",
        "a layer offloaded": whole | {"model.language_model.layers.1": "cpu"},
        "encoders offloaded": whole | dict.fromkeys(encoders, "cpu"),
        "words offloaded": whole | dict.fromkeys(("model.language_model.embed_tokens", "lm_head"), "cpu"),
    }


@pytest.mark.parametrize("name", ["auto", "a layer offloaded", "encoders offloaded", "words offloaded"])
def test_a_model_spread_by_a_device_map_says_the_same(folder, content, both, name, tmp_path):
    pytest.importorskip("accelerate")
    adapter = load(folder, device_map=spreads()[name], offload_folder=str(tmp_path), dtype="float32")
    chosen = ["attmean", "attgrads", "attgrads_all", "rollout", "leave_one_out", signals.integrated_gradients(steps=8)]
    trace = ot.Tracer(adapter).trace(content, chosen, max_new_tokens=6, progress=False)
    assert trace.response_record.token_ids.tolist() == both[0].response_record.token_ids.tolist()
    for signal in chosen:
        assert_alike(trace, both[0], getattr(signal, "label", signal))
