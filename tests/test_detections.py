"""Regions as detectors give them: real detectors of toy size, and COCO's files against its own tools."""

from __future__ import annotations

import json

import numpy as np
import pytest
import supervision
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as cocotools
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign
from traces import make_layout, make_parts, make_trace
from transformers import (
    MaskFormerImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
)
from transformers.models.maskformer.modeling_maskformer import MaskFormerForInstanceSegmentationOutput

from omnitrace_nb.errors import SettingsError
from omnitrace_nb.sources import SourceOptions, build, regions
from omnitrace_nb.sources.coco import mask

SIZE = (320, 240)  # of image 1 of `make_parts`


@pytest.fixture(scope="module")
def prompt():
    parts = make_parts()
    return make_layout(parts), parts


def cut(prompt, found):
    """The sources of image 1."""
    return [each for each in build(*prompt, SourceOptions(image={"image 1": found})) if each.part == 1]


def picture():
    return np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def test_what_transformers_object_detection_gives_is_taken_as_it_is(prompt):
    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=[64, 64],
        num_detection_tokens=5, id2label={0: "cat", 1: "dog"}, use_mid_position_embeddings=False,
    )  # fmt: skip
    model = YolosForObjectDetection(config).eval()
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    processor = YolosImageProcessor(size={"height": 64, "width": 64}, do_pad=False)
    with torch.no_grad():
        output = model(**processor(images=picture(), return_tensors="pt"))
    [found] = processor.post_process_object_detection(output, threshold=0.0, target_sizes=[SIZE[::-1]])
    assert set(found) == {"scores", "labels", "boxes"}
    assert len(found["boxes"]) == 5
    sources = cut(prompt, found)
    wanted = [np.clip(box, 0, [*SIZE, *SIZE]) for box in found["boxes"].tolist()]
    assert [pytest.approx(each.box, abs=1e-3) for each in sources] == wanted
    named = regions(found, names=model.config.id2label, threshold=float(found["scores"].median()))
    assert len(named) == 3
    assert {each["label"] for each in named} <= {"cat", "dog"}
    assert len(cut(prompt, named)) == 3


def test_what_a_mask_rcnn_of_torchvision_gives_is_its_masks(prompt):
    torch.manual_seed(0)
    backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=8, padding=1), torch.nn.ReLU())
    backbone.out_channels = 8
    model = MaskRCNN(
        backbone, num_classes=3, min_size=120, max_size=160, box_score_thresh=0.0, box_detections_per_img=4,
        rpn_anchor_generator=AnchorGenerator(sizes=((32, 64),), aspect_ratios=((1.0,),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2), mask_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
    ).eval()  # fmt: skip
    with torch.no_grad():
        [found] = model([torch.from_numpy(picture()).permute(2, 0, 1) / 255])
    assert found["masks"].shape[1:] == (1, SIZE[1], SIZE[0])
    likely = [each[0] > 0.5 for each in found["masks"].numpy()]
    kept = [each for each in regions(found) if each["mask"].any()]
    assert len(kept) == sum(each.any() for each in likely) > 0
    layout, parts = prompt
    boxes = layout.box[layout.positions(1)]
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
    for source, inside in zip(cut(prompt, kept), [each for each in likely if each.any()], strict=True):
        owned = inside[centres[:, 1], centres[:, 0]]
        if owned.any():
            assert source.positions.tolist() == layout.positions(1)[owned].tolist()
    assert parts[1].size == SIZE


def test_what_transformers_segmentation_gives_is_a_map_of_regions_that_do_not_overlap(prompt):
    torch.manual_seed(0)
    output = MaskFormerForInstanceSegmentationOutput(
        class_queries_logits=torch.tensor([[[9.0, 0, 0], [0, 9.0, 0], [9.0, 0, 0]]]),
        masks_queries_logits=torch.full((1, 3, 12, 16), -9.0),
    )
    for query, columns in enumerate((slice(0, 7), slice(7, 12), slice(13, 16))):
        output.masks_queries_logits[0, query, :, columns] = 9.0
    processor = MaskFormerImageProcessor()
    [found] = processor.post_process_panoptic_segmentation(output, threshold=0.1, target_sizes=[SIZE[::-1]])
    assert len(found["segments_info"]) == 3
    layout, _ = prompt
    sources = cut(prompt, found)
    assert [each.label for each in sources] == ["image 1, class 0 1", "image 1, class 1", "image 1, class 0 2"]
    owned = np.concatenate([each.positions for each in sources])
    assert len(owned) == len(set(owned.tolist()))
    numbers = found["segmentation"].numpy()
    for source in sources:
        for position in source.positions:
            left, top, right, bottom = layout.box[position].astype(int)
            values, counts = np.unique(numbers[top:bottom, left:right], return_counts=True)
            assert values[counts.argmax()] >= 1


def test_what_a_pipeline_gives_is_a_list_of_boxes_by_their_corners(prompt):
    found = [{"score": 0.9, "label": "remote", "box": {"xmin": 0, "ymin": 0, "xmax": 160, "ymax": 120}}]
    [source] = cut(prompt, found)
    assert (source.label, source.box) == ("image 1, remote", (0, 0, 160, 120))


def test_detections_of_supervision_keep_their_names_and_masks(prompt):
    inside = np.zeros((2, SIZE[1], SIZE[0]), bool)
    inside[0, :120], inside[1, :, 160:] = True, True
    xyxy = np.array([[0, 0, 320, 120], [160, 0, 320, 240]], float)
    plain = supervision.Detections(xyxy=xyxy, class_id=np.array([3, 3]), confidence=np.array([0.5, 0.9]))
    masked = supervision.Detections(xyxy=xyxy, mask=inside, data={"class_name": np.array(["sky", "tree"])})
    assert [each.label for each in cut(prompt, plain)] == ["image 1, class 3 1", "image 1, class 3 2"]
    assert [each["label"] for each in regions(plain, names={3: "kite"}, threshold=0.8)] == ["kite"]
    sky, tree = cut(prompt, masked)
    assert (sky.label, tree.label) == ("image 1, sky", "image 1, tree")
    assert len(sky.positions) == len(tree.positions) == len(prompt[0].positions(1)) // 2


def test_annotations_of_coco_are_boxes_by_width_and_height_polygons_and_runs(prompt):
    rows = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    rows[60:180, 80:240] = 1
    packed = cocotools.encode(np.asfortranarray(rows))
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 18, "bbox": [10, 20, 100, 50], "area": 5000, "iscrowd": 0},
        {
            "id": 2,
            "category_id": 18,
            "segmentation": [[80, 60, 240, 60, 240, 180, 80, 180]],
            "bbox": [80, 60, 160, 120],
        },
        {"id": 3, "category_id": 1, "segmentation": {"counts": packed["counts"].decode(), "size": packed["size"]}},
    ]
    found = {"annotations": annotations, "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]}
    box, polygon, runs = cut(prompt, json.loads(json.dumps(found)))
    assert [each.label for each in (box, polygon, runs)] == ["image 1, dog 1", "image 1, dog 2", "image 1, person"]
    assert box.box == (10, 20, 110, 70)
    assert polygon.box == runs.box == (80, 60, 240, 180)
    assert polygon.positions.tolist() == runs.positions.tolist()
    assert [each.label for each in cut(prompt, annotations)][2] == "image 1, class 1"


@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
@settings(max_examples=60)
def test_runs_are_read_as_cocos_own_tools_read_them(inside):
    height, width = inside.shape
    packed = cocotools.encode(np.asfortranarray(inside.astype(np.uint8)))
    assert np.array_equal(mask(packed, (width, height)), inside)
    flat = inside.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *([0] if flat[0] else []), *edges.tolist(), flat.size]).tolist()
    assert np.array_equal(mask({"counts": counts, "size": [height, width]}, (width, height)), inside)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 40)), min_size=3, max_size=8))
@settings(max_examples=60)
def test_polygons_are_drawn_as_cocos_own_tools_draw_them_but_for_their_edge(corners):
    flat = [float(each) for corner in corners for each in corner]
    wanted = cocotools.decode(cocotools.merge(cocotools.frPyObjects([flat], 40, 60))).astype(bool)
    drawn = mask([flat], (60, 40))
    # Both count a pixel by its centre; on the edge itself they round in their own ways.
    inner = wanted.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inner &= np.roll(wanted, step, axis)
    outer = wanted.copy()
    for _ in range(2):
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            outer |= np.roll(outer, step, axis)
    # Polygons that cross themselves have no inside that both agree on, slivers no pixel that either must draw.
    (x, y), (x_next, y_next) = np.transpose(corners), np.transpose([*corners[1:], corners[0]])
    sliver = abs((x * y_next - x_next * y).sum()) / 2 < np.hypot(x_next - x, y_next - y).sum()
    crossing = len(corners) > 3 or sliver
    assert crossing or not (inner & ~drawn).any()
    assert crossing or not (drawn & ~outer).any()


def test_a_map_of_numbered_regions_is_cut_by_its_numbers(prompt):
    numbers = np.full((SIZE[1], SIZE[0]), -1)
    numbers[:120], numbers[120:, :160] = 7, 3
    sources = cut(prompt, numbers)
    assert [each.label for each in sources] == ["image 1, region 1", "image 1, region 2"]
    layout, parts = prompt
    rest = build(layout, parts, SourceOptions(image={"image 1": numbers}, rest=True))
    held = np.concatenate([each.positions for each in rest if each.part == 1])
    assert sorted(held) == layout.positions(1).tolist()
    assert [each.label for each in rest if each.part == 1][-1] == "image 1, the rest"


def test_regions_may_overlap_and_the_view_says_so():
    trace = make_trace().regroup({"image": {1: [(0, 0, 200, 240), (100, 0, 320, 240)], 2: "whole"}})
    assert "Sources overlap" in trace.to_html()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"boxes": [[0, 0, 5, 5]], "labels": [1, 2]}, "2 labels for 1 regions"),
        ({"boxes": [[0, 0, 5, 5]], "scores": []}, "0 scores for 1 regions"),
        ({"boxes": [[0, 0, 5]]}, r"\[0, 0, 5\] is no box of image 1"),
        ({"boxes": [[0, 0, "a", 5]]}, "is no box of image 1"),
        ({"boxes": [[400, 0, 500, 5]]}, "lies outside the 320 x 240 pixels"),
        ({"boxes": [[0, 0, float("nan"), 5]]}, "is empty"),
        ({"boxes": []}, "there are no pieces of image 1"),
        ({"boxes": 3}, "the pieces of image 1 cannot be read"),
        ({"masks": np.ones((1, 5, 5), bool)}, r"is \(5, 5\), but image 1 has \(240, 320\) pixels"),
        ({"segmentation": np.zeros((5, 5), int), "segments_info": []}, "map of regions of image 1 is"),
        ([], "there are no pieces of image 1: give at least one"),
        ([{"bbox": [1, 2, 3]}], r"bbox \[1, 2, 3\] of a COCO annotation"),
        ([{"segmentation": [[1, 2, 3, 4]]}], "a polygon has 4 values"),
        ([{"segmentation": [[1, 2, 3, 4, 5, float("inf")]]}], "a polygon has 6 values"),
        ([{"segmentation": "abc"}], "neither a list of polygons nor a mapping"),
        ([{"segmentation": {"counts": [5], "size": [2, 2]}}], "add up to 5, but their size has 2 x 2"),
        ([{"segmentation": {"counts": [-1, 5], "size": [2, 2]}}], "add up to 4"),
        ([{"segmentation": {"counts": [1]}}], "run lengths cannot be read"),
        ([{"segmentation": {"counts": [4], "size": [2, 2]}}], r"is \(2, 2\), but image 1 has"),
        ([3], "3 is no box of image 1"),
        (np.zeros((7, 9), int), r"map of regions of image 1 is \(7, 9\)"),
        (np.zeros((2, 2, 3)), r"the mask of 'region 1' is \(2, 3\)"),
    ],
)
def test_detections_that_cannot_be_read_are_named(prompt, found, told):
    with pytest.raises(SettingsError, match=told):
        cut(prompt, found)
