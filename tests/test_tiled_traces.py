"""Traces of models that cut pictures into tiles, from end to end: signals, regions, films, the view."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from prompts import picture

import omnitrace_nb as ot
from omnitrace_nb import signals
from omnitrace_nb.view.build import build

FAMILIES = ["llava_onevision", "internvl", "smolvlm", "minicpmv4_6"]
SHORT = {"max_new_tokens": 3, "min_new_tokens": 3, "progress": False}


@pytest.fixture(scope="module", params=FAMILIES)
def traced(request, media_dir):
    """Every kind of signal of a prompt with a picture cut into tiles, by quarters, and a film."""
    tracer = ot.load(*import_module(f"families.{request.param}").make())
    content = [ot.Image(picture(160, 120).pixels), ot.Video(media_dir / "silent.mp4"), "What do you see?"]
    asked = ["attmean", "rawatt", "excess", "input_x_gradient", signals.ablate("leave_one_out", operator="mean")]
    if request.param != "minicpmv4_6":  # of its layers, one keeps a state instead of attending
        asked += ["attgrads", "leave_one_out"]
    return tracer.trace(content, asked, sources={"image": (2, 2)}, **SHORT)


def test_every_signal_reaches_every_quarter_and_every_second(traced):
    assert [source.label for source in traced.source_records[:4]] == [
        f"image 1, row {row}, column {column}" for row in (1, 2) for column in (1, 2)
    ]
    for name in traced.signals:
        assert "failed" not in traced.run.signals[name]
        if name != "excess":  # which is 0 where the question's rows look as much
            assert np.abs(traced.mass(name)).sum(axis=0).all(), name


def test_quarters_share_out_what_the_whole_picture_has(traced):
    whole = traced.regroup({"image": "whole"})
    for name in ("attmean", "rawatt", "excess"):
        np.testing.assert_allclose(traced.mass(name)[:, :4].sum(1), whole.mass(name)[:, 0], rtol=1e-5)


def test_a_region_between_the_thumbnails_tokens_has_the_tiles_alone(traced):
    small = traced.regroup({"image": [{"box": (62, 46, 90, 58), "label": "button"}]})
    button = small.source_records[0]
    boxes = traced.layout.box[button.positions]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert ((middle >= [62, 46]) & (middle < [90, 58])).all()
    assert (boxes[:, 2:] - boxes[:, :2]).max() < 20
    assert "button" in repr(small.source(0))


def test_the_view_has_one_heat_for_the_picture_and_one_for_each_frame(traced):
    model = build(traced)
    patches, frames = model.parts[0].patches, model.parts[1].frames
    assert patches.rows * patches.columns <= len(traced.layout.positions(0))
    assert patches.extent == pytest.approx((0, 0, 1, 1), abs=0.07)
    heat = model.rows.shades(0, 0).heat[slice(patches.cells[0], sum(patches.cells))]
    assert heat.any()
    assert frames.cells[1] == len(model.parts[1].thumbnail_times) * frames.rows * frames.columns
    assert "image 1" in traced.to_html()
