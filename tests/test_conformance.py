"""The conformance kit: true adapters pass it, and each kind of lie is found by the check that is meant for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb.conformance import CHECKS, check_adapter
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.layout import AUDIO, IMAGE, TEXT, VIDEO
from omnitrace_nb.models import Encoded, adapt


class _Lying:
    """A true adapter but for what `lie` does to its encoded prompt."""

    def __init__(self, adapter, lie):
        self._adapter, self._lie = adapter, lie

    def __getattr__(self, name):
        return getattr(self._adapter, name)

    def encode(self, parts):
        encoded = self._adapter.encode(parts)
        return Encoded(encoded.inputs, encoded.options, self._lie(encoded.layout))


@pytest.fixture(scope="module")
def content(media_dir):
    return [
        ot.Text("Mia sells honey. Hugo sells clocks."),
        ot.Image(media_dir / "red.png"),
        ot.Audio(media_dir / "tone.wav"),
        ot.Video(media_dir / "film.mp4"),
        "What?",
    ]


def results(adapter, content, *names):
    report = check_adapter(adapter, content, checks=names or None)
    return dict(zip(report["check"], report["result"], strict=True))


def reversed_in(layout, name, modality):
    """The layout with one of its columns turned round within a modality."""
    column = getattr(layout, name).copy()
    own = np.flatnonzero(layout.modality == modality)
    column[own] = column[own[::-1]]
    return dataclasses.replace(layout, **{name: column})


def test_the_built_in_families_pass_every_check_that_concerns_them(omni, toy_text, content):
    report = check_adapter(omni, content)
    assert report["check"].tolist() == list(CHECKS)
    assert report.passed, report
    assert (report["result"] == "n/a").sum() == 1  # half precision, of a float32 model
    report = check_adapter(adapt(*toy_text))
    assert report.passed, report
    assert set(report.loc[report["result"] == "n/a", "check"]) == {
        "patches", "seconds", "frames", "tracks", "half_precision",
    }  # fmt: skip


def test_the_embedded_model_passes(embedded):
    assert check_adapter(embedded).passed


def test_a_model_in_half_precision_passes_within_its_own_tolerance():
    from toys import make_omni, make_tokenizer  # noqa: PLC0415 (torch only where it is needed)

    model, processor = make_omni(make_tokenizer())
    report = check_adapter(adapt(model.bfloat16(), processor))
    assert report.passed, report
    assert dict(zip(report["check"], report["result"], strict=True))["half_precision"] == "pass"


@pytest.mark.parametrize(
    ("check", "column", "modality"),
    [("patches", "box", IMAGE), ("seconds", "time", AUDIO), ("frames", "time", VIDEO)],
)
def test_a_layout_turned_round_is_found_by_changing_the_content(omni, content, check, column, modality):
    lying = _Lying(omni, lambda layout: reversed_in(layout, column, modality))
    assert results(lying, content, check) == {check: "fail"}
    assert results(omni, content, check) == {check: "pass"}


def shuffled(layout, modality):
    own = np.flatnonzero(layout.modality == modality)
    box = layout.box.copy()
    box[own] = np.roll(box[own], len(own) // 2, axis=0)
    return dataclasses.replace(layout, box=box)


def test_patches_named_half_a_picture_away_are_found(omni, content):
    lying = _Lying(omni, lambda layout: shuffled(layout, IMAGE))
    assert results(lying, content, "patches") == {"patches": "fail"}


def beyond(layout):
    box = layout.box.copy()
    box[layout.modality == IMAGE] += 1000
    return dataclasses.replace(layout, box=box)


def to_the_text(layout):
    """The chat template said to be the first text's."""
    part, modality, chars = layout.part.copy(), layout.modality.copy(), layout.chars.copy()
    nobody = np.flatnonzero(part < 0)
    part[nobody], modality[nobody], chars[nobody] = 0, TEXT, (0, 1)
    return dataclasses.replace(layout, part=part, modality=modality, chars=chars)


def half_the_text(layout):
    part, modality = layout.part.copy(), layout.modality.copy()
    own = layout.positions(0, TEXT)[::2]
    part[own], modality[own] = -1, 0
    return dataclasses.replace(layout, part=part, modality=modality)


@pytest.mark.parametrize(
    ("check", "lie", "said"),
    [
        ("owners", beyond, "outside its"),
        ("owners", lambda layout: dataclasses.replace(layout, token_ids=layout.token_ids + 1), "token ids"),
        ("texts", to_the_text, "special token"),
        ("texts", half_the_text, "has no position"),
    ],
)
def test_owners_and_characters_are_checked(omni, content, check, lie, said):
    report = check_adapter(_Lying(omni, lie), content, checks=[check])
    assert report["result"].tolist() == ["fail"]
    assert said in report["detail"][0]


class _Forgetful(_Lying):
    """Its embeddings leave the media out."""

    def embed(self, encoded, response_ids):
        embeddings, options = self._adapter.embed(encoded, response_ids)
        own = torch.as_tensor(np.flatnonzero(encoded.layout.modality > TEXT))
        embeddings[:, own] = 0
        return embeddings, options


def test_embeddings_without_the_media_are_found(omni, content):
    found = results(_Forgetful(omni, lambda layout: layout), content, "embeddings", "rows", "tokens")
    assert found == {"embeddings": "fail", "rows": "fail", "tokens": "pass"}


class _Leaving(_Lying):
    """It leaves a hook behind whenever the decoder is asked for."""

    def __init__(self, adapter):
        super().__init__(adapter, lambda layout: layout)
        self.hooks = []

    def decoder(self):
        decoder = self._adapter.decoder()
        self.hooks.append(decoder.register_forward_hook(lambda *_: None))
        return decoder


def test_a_model_that_is_altered_by_a_run_is_found(omni, content):
    leaving = _Leaving(omni)
    report = check_adapter(leaving, content, checks=["untouched"])
    for hook in leaving.hooks:
        hook.remove()
    assert report["result"].tolist() == ["fail"]
    assert "hooks" in report["detail"][0]


def test_the_report_prints_whole_and_says_what_it_amounts_to(omni, content):
    report = check_adapter(omni, content, checks=["owners", "tokens", "half_precision"])
    said = repr(report)
    assert "2 pass, 0 fail, 1 n/a" in said
    assert "load it with dtype='bfloat16'" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 100
    assert "<table>" in report._repr_html_()
    with pytest.raises(SettingsError, match="no check 'rowz'; there are owners, texts"):
        check_adapter(omni, content, checks=["rowz"])


def test_a_model_that_breaks_under_a_check_fails_it_and_the_others_go_on(omni, content, monkeypatch):
    def broken(*_given, **_named):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(omni.model, "generate", broken)
    report = check_adapter(omni, content, checks=["tokens", "owners"])
    assert report["result"].tolist() == ["fail", "pass"]
    assert "no such kernel" in report["detail"][0]


def test_a_check_that_could_not_run_on_an_ordinary_model_fails(omni, content, monkeypatch):
    # What a release of transformers did that calls the cache by another name.
    monkeypatch.setattr("omnitrace_nb.capture.loop.cache_in", lambda _kwargs: None)
    report = check_adapter(omni, content, checks=["gradients"])
    assert report["result"].tolist() == ["fail"]
    assert "could not run" in report["detail"][0]
    assert "keeps no cache" in report["detail"][0]
