"""The released formatting of boxes as an official result file (det_evaluators.py, `_format_bbox`)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.geometry.classes import CLASSES
from labeldistill.inference.format_boxes import predictions_from_poses
from labeldistill.models.centre_head.decode import Detections
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case

_VECTORS = ("translation", "size", "rotation", "velocity")


@case("11_format_bbox.pt")
def format_bbox(golden: GoldenFolder) -> Iterator[compare.Comparison]:
    """Global boxes, classes, scores and attributes of every sample, in the released order of samples and boxes."""
    recorded = golden.load("11_format_bbox.pt")
    yield from _compared(recorded, recorded["output"])


@case("11_results_nusc.json", "11_format_bbox.pt")
def results_file(golden: GoldenFolder) -> Iterator[compare.Comparison]:
    """The same boxes as the release wrote them to its result file."""
    yield from _compared(golden.load("11_format_bbox.pt"), golden.load("11_results_nusc.json"))


def _compared(recorded: dict[str, Any], output: dict[str, Any]) -> Iterator[compare.Comparison]:
    ours = _predictions(recorded["inputs"], recorded["metas"])
    results: dict[str, list[dict[str, Any]]] = output["results"]
    boxes = [box for of_sample in results.values() for box in of_sample]
    yield compare.exact("meta", ours.meta, output["meta"])
    yield compare.exact("sample tokens", list(ours.tokens), list(results))
    yield compare.exact("token of each box", [ours.tokens[i] for i in ours.sample], [b["sample_token"] for b in boxes])
    for name in _VECTORS:
        yield compare.output(name, getattr(ours, name), np.array([box[name] for box in boxes]))
    yield compare.output("score", ours.score, np.array([box["detection_score"] for box in boxes]))
    yield compare.exact("class", [CLASSES[i] for i in ours.label], [box["detection_name"] for box in boxes])
    yield compare.exact("attribute", [ATTRIBUTES[i] for i in ours.attribute], [box["attribute_name"] for box in boxes])


def _predictions(inputs: list[dict[str, torch.Tensor]], metas: list[dict[str, Any]]) -> Predictions:
    return predictions_from_poses(
        [Detections(item["boxes"], item["scores"], item["labels"]) for item in inputs],
        [meta["token"] for meta in metas],
        np.array([meta["ego2global_rotation"].tolist() for meta in metas]),
        np.array([meta["ego2global_translation"].tolist() for meta in metas]),
    )
