"""Cuts finer than what the model sees: said in a warning, in the part's note and in the view."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from traces import Sketch, make_trace, part

import omnitrace_nb as ot
from omnitrace_nb.layout import AUDIO, IMAGE, VIDEO
from omnitrace_nb.sources import SourceOptions, cut


def patches(rows, columns, size=(90, 60)):
    """A picture as so many patches."""
    width, height = size
    sketch = Sketch()
    for row in range(rows):
        for column in range(columns):
            edges = (column * width / columns, row * height / rows)
            sketch._add(0, IMAGE, box=(*edges, (column + 1) * width / columns, (row + 1) * height / rows))
    return sketch.layout(), [part(0, "image", "image 1", "", size=size)]


def test_a_grid_of_3_by_3_on_a_picture_of_2_by_3_patches_has_6_cells_and_says_so():
    layout, records = patches(2, 3)
    told = "image 1: the model sees 2 x 3 patches, so that 6 of 3 x 3 cells hold the middle of one"
    with pytest.warns(RuntimeWarning, match=told) as caught:
        sources, [record] = cut(layout, records, SourceOptions(image=(3, 3)))
    assert caught[0].filename == __file__
    assert len(sources) == 6
    assert record.note.startswith(told)
    assert record.note.endswith("give (2, 3) for all that it sees.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources, [record] = cut(layout, records, SourceOptions(image=(2, 3)))  # what the note advises
    assert len(sources) == 6
    assert record.note == ""


def test_a_map_of_regions_finer_than_the_patches_says_how_many_are_left():
    layout, records = patches(2, 3)
    numbers = np.arange(60 * 90).reshape(60, 90) // 90  # a region a row of pixels
    with pytest.warns(RuntimeWarning, match=r"sees 2 x 3 patches, so that 2 of 60 regions have most of one"):
        sources, _ = cut(layout, records, SourceOptions(image={0: numbers}))
    assert len(sources) == 2


def test_bins_shorter_than_a_position_and_regions_of_frames_smaller_than_a_patch_are_told():
    sketch = Sketch()
    for second in range(4):
        for left in (0, 40):
            sketch._add(0, VIDEO, box=(left, 0, left + 40, 60), time=(second, second + 1))
    layout, records = sketch.layout(), [part(0, "video", "film 1", "", size=(80, 60), duration=4.0)]
    with pytest.warns(RuntimeWarning, match="film 1") as caught:
        sources, [record] = cut(layout, records, SourceOptions(bin_seconds=0.25, video_grid=(2, 2)))
    assert len({each.time for each in sources}) == 4
    assert "a position stands for 1 s, so that 4 of 16 bins of 0.25 s hold the middle of one" in record.note
    assert "the model sees 1 x 2 patches, so that 2 of 2 x 2 cells hold the middle of one" in record.note
    assert len(caught) == 2
    own = SourceOptions(video=[(0, 0.4), (0.4, 0.6), (1.0, 4.0)])
    with pytest.warns(RuntimeWarning, match="so that 2 of 3 intervals hold the middle of one"):
        cut(layout, records, own)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(layout, records, SourceOptions(bin_seconds=1.0, video_grid=(1, 2)))


def test_a_last_bin_that_is_cut_short_and_a_stretch_that_was_read_are_no_matter():
    sketch = Sketch()
    for at in range(100):
        sketch._add(0, AUDIO, time=(at / 25, (at + 1) / 25))
    layout = sketch.layout()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(layout, [part(0, "audio", "sound 1", "", duration=4.0001)])
        cut(layout, [part(0, "audio", "sound 1", "", duration=60.0, read=(0.0, 4.0))])


def test_a_trace_cut_anew_too_finely_says_so_in_its_parts_and_its_view(tmp_path):
    trace = make_trace()
    with pytest.warns(RuntimeWarning, match="image 1: the model sees"):
        fine = trace.regroup({"image": {"image 1": (50, 50)}})
    assert "the model sees" in fine.parts[1].note
    assert "the model sees" in fine.to_html()
    assert ot.open(fine.save(tmp_path / "fine")).parts[1].note == fine.parts[1].note
    assert fine.regroup().parts[1].note == ""


def test_a_prompt_traced_with_too_fine_a_grid_says_so(embedded):
    with pytest.warns(RuntimeWarning, match=r"image \d: the model sees \d+ x \d+ patches"):
        trace = embedded.trace(ot.example(), sources={"image": (60, 60)}, max_new_tokens=2, progress=False)
    assert any("the model sees" in each.note for each in trace.parts)
