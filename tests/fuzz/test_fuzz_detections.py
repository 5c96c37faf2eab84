"""Outputs of detectors in every form, damaged at random: sources within the picture, a note, or an error of ours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from traces import make_layout, make_parts

from omnitrace_nb.errors import OmnitraceError
from omnitrace_nb.sources import SourceOptions, build, regions, resolve

supervision = pytest.importorskip("supervision")
torch = pytest.importorskip("torch")

WIDTH, HEIGHT = 320, 240
BOX = [10.0, 20.0, 200.0, 220.0]
ODD = [
    None,
    -1,
    0,
    3,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x",
    [],
    [[]],
    [1, 2],
    {},
    {"counts": "o" * 99},
    True,
    (),
]


def forms(random):
    mask = random.random((2, HEIGHT, WIDTH))
    numbers = random.integers(-1, 3, (HEIGHT, WIDTH))
    counts = {"counts": [9, HEIGHT * WIDTH - 9], "size": [HEIGHT, WIDTH]}
    polygon = random.uniform(-10, 330, 6).tolist()
    boxes = [BOX, [0, 0, 50, 60]]
    return [
        {"scores": torch.tensor([0.9, 0.2]), "labels": torch.tensor([1, 2]), "boxes": torch.tensor(boxes)},
        {"scores": [0.9, 0.1], "text_labels": ["dog", "cat"], "labels": [1, 2], "boxes": boxes},
        {"boxes": torch.tensor(boxes), "labels": torch.tensor([1, 2]), "scores": torch.ones(2), "masks": mask[:, None]},
        {"segmentation": torch.tensor(numbers), "segments_info": [{"id": 1, "label_id": 7, "score": 0.9}, {"id": 2}]},
        [{"score": 0.9, "label": "dog", "box": {"xmin": 1, "ymin": 2, "xmax": 90, "ymax": 80}}],
        [{"score": 0.9, "label": "sky", "mask": mask[0] > 0.5}],
        {"annotations": [{"bbox": [1, 2, 30, 40], "category_id": 3}], "categories": [{"id": 3, "name": "dog"}]},
        [{"segmentation": [polygon], "category_id": 3}, {"segmentation": counts, "score": 0.5}],
        supervision.Detections(np.array(boxes, np.float32), class_id=np.array([1, 2]), confidence=np.array([0.9, 0.3])),
        numbers,
    ]


def damaged(random, given):
    """The same with one thing in it, at any depth, replaced, dropped or doubled."""
    odd = ODD[random.integers(len(ODD))]
    if isinstance(given, dict) and given and random.random() < 0.9:
        key = list(given)[random.integers(len(given))]
        less = {name: each for name, each in given.items() if name != key}
        return less if random.random() < 0.2 else {**given, key: damaged(random, given[key])}
    if isinstance(given, list) and given and random.random() < 0.9:
        at = random.integers(len(given))
        return [*given[:at], damaged(random, given[at]), *given[at + random.integers(2) :]]
    if isinstance(given, (np.ndarray, torch.Tensor)) and random.random() < 0.7:
        return [given[:1], given.reshape(-1), given * float("nan"), given.T][random.integers(4)]
    return odd


@pytest.fixture(scope="module")
def prompt():
    parts = make_parts()
    return make_layout(parts), parts


@pytest.mark.fuzz(rounds=600, seconds=7)
@pytest.mark.filterwarnings("ignore")
def test_any_output_of_a_detector_gives_sources_within_the_picture_or_is_named(cases, prompt):
    layout, parts = prompt
    own = set(layout.positions(1).tolist())
    for seed in cases:
        random = np.random.default_rng(seed)
        known = forms(random)
        given = known[random.integers(len(known))]
        for _ in range(random.integers(0, 3)):
            given = damaged(random, given)
        try:
            for read in (
                lambda given=given: regions(given, size=(WIDTH, HEIGHT)),
                lambda given=given: cut(prompt, given),
            ):
                try:
                    found = read()
                except OmnitraceError as error:
                    told = str(error)
                else:
                    told = ""
                    assert not isinstance(found, set) or found <= own
                assert len(told) < 2_000
            # Found by a function, the same is no error: what cannot be read is noted, and the part goes on as it is.
            options = SourceOptions(image={"image 1": lambda _, given=given: given})
            pieces, noted = resolve(options, parts, lambda _: Picture())
            sources = [each for each in build(layout, noted, options, pieces) if each.part == 1]
            assert sources
            assert all(set(each.positions.tolist()) <= own for each in sources)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {given!r:.300}") from error


class Picture:
    """What a function is given the pixels of."""

    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def cut(prompt, given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            position
            for each in build(*prompt, SourceOptions(image={"image 1": given}))
            if each.part == 1
            for position in each.positions.tolist()
        }
