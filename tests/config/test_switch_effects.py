"""Every switch does what it says in every stage that it acts on: something observable differs, and nothing else.

Items are compared with items; models are compared on one shared batch, so that a switch of the data room shows there
alone.
"""

import math
from functools import cache

import pytest
import torch
from switch_stages import (
    DATA,
    Observed,
    differs,
    finite_losses,
    observe_devices,
    observe_items,
    observe_model,
    observe_optimisation,
    settings,
    shared_batch,
)
from tiny_nuscenes import TinyWorld

from labeldistill.config.methods import Stage
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches
from labeldistill.data.infos import Infos, build_infos
from labeldistill.inference.predict import detecting_precision

ITEMS: dict[str, dict[str, set[str]]] = {
    "nan_targets": {
        "teacher": {"training boxes", "evaluation boxes"},
        "label-encoder": {"training boxes"},  # the released evaluation of the stage has no boxes
        "student": {"training boxes", "evaluation boxes"},
    },
    "colour_order": {"student": {"training images", "evaluation images"}},
    "depth_map_pixels": {"student": {"training depth"}},
    "missing_past_frame": {"student": {"evaluation images", "evaluation cameras"}},
    "future_sweeps": {"teacher": {"training points", "evaluation points"}, "student": {"training points"}},
    "first_frame_sweeps": {"teacher": {"training points", "evaluation points"}, "student": {"training points"}},
    "lidar_z_scale": {"teacher": {"training points"}, "student": {"training points"}},
    "sweep_precision": {
        "teacher": {"training points", "evaluation points"},
        "student": {"training points", "training cameras", "evaluation cameras"},
    },
    "ego_pose": {
        "teacher": {"training boxes", "evaluation boxes"},
        "label-encoder": {"training boxes"},
        "student": {"training boxes", "evaluation boxes", "training cameras", "evaluation cameras"},
    },
    "label_encoder_eval": {"label-encoder": {"evaluation boxes"}},
}
SEEN_BY_HEAD = {"loss detection", "loss response", "predictions after the loss", "detections"}
DRAWN = {
    "label-encoder": {"loss detection", "predictions after the loss", "frozen after the loss"},
    "student": {"loss label_feature", "frozen after the loss"},
}
MODEL: dict[str, dict[str, set[str]]] = {
    "teacher_mode": {
        "label-encoder": {"loss detection", "predictions after the loss", "frozen after the loss", "detections"},
        "student": {"loss lidar_feature", "loss label_feature", "loss response", "frozen after the loss"},
    },
    "partition_axis": {"student": {"loss lidar_feature", "loss label_feature"}},
    "response_target": {"student": {"loss response"}},
    "label_extent": DRAWN,
    "label_border": DRAWN,
    "label_rounding": DRAWN,
    # another number of inputs draws other weights, of the label encoder and of what is drawn after it
    "label_box_encoding": {stage: {"fresh weights", *seen} for stage, seen in DRAWN.items()},
    "centre_truncation": {
        "teacher": {"loss detection"},
        "label-encoder": {"loss detection"},
        "student": {"loss detection", "loss response", "loss lidar_feature", "loss label_feature"},
    },
    "gaussian_radius": {
        "teacher": {"loss detection"},
        "label-encoder": {"loss detection"},
        "student": {"loss detection", "loss response", "loss lidar_feature", "loss label_feature"},
    },
    "voxel_truncation": {"student": {*SEEN_BY_HEAD, "loss lidar_feature", "loss label_feature"}},
    "camera_vector_frame": {"student": {*SEEN_BY_HEAD, "loss lidar_feature", "loss label_feature"}},
    "frustum_centres": {"student": {*SEEN_BY_HEAD, "fresh weights", "loss lidar_feature", "loss label_feature"}},
    "head_bias": {"student": {*SEEN_BY_HEAD, "fresh weights"}},
    # the losses take the sigmoid once either way: they are the same numbers
    "inplace_sigmoid": {"teacher": {"predictions after the loss"}, "student": {"predictions after the loss"}},
    "feature_mask": {"student": {"loss lidar_feature"}},
    "nms_distance": {stage: {"detections"} for stage in ("teacher", "label-encoder", "student")},
}
# acts where autocast computes in half, and there alone
HALF: dict[str, dict[str, set[str]]] = {
    "frustum_precision": {"student": SEEN_BY_HEAD},
    # its detection loss moves by less than what counts as a difference
    "lift_precision": {"student": SEEN_BY_HEAD - {"loss detection"} | {"loss lidar_feature"}},
    "teacher_head_precision": {
        "teacher": {"loss detection", "predictions after the loss", "detections"},
        "label-encoder": {"loss detection", "predictions after the loss"},  # no box goes into its released evaluation
        "student": {"loss response"},
    },
    "evaluation_precision": {stage: {"detecting"} for stage in ("teacher", "label-encoder", "student")},
}
# acts where several devices, or micro-batches in their place, share a step; what it does there is tested with gloo
DEVICES: dict[str, dict[str, set[str]]] = {
    "device_normalisation": {stage: {"per device"} for stage in ("teacher", "label-encoder", "student")},
    "device_draws": {stage: {"draws"} for stage in ("teacher", "label-encoder", "student")},
}
OPTIMISATION: dict[str, dict[str, set[str]]] = {
    "ema_warmup": {stage: {"EMA counter"} for stage in ("teacher", "label-encoder", "student")},
    "ema_buffers": {"student": {"EMA names"}},
    "lr_groups": {"teacher": {"learning rates"}, "student": {"learning rates"}},
    "norm_weight_decay": {stage: {"weight decay"} for stage in ("teacher", "label-encoder", "student")},
}


def pairs(expected: dict[str, dict[str, set[str]]]) -> list[tuple[str, str]]:
    return [(switch, stage) for switch, stages in expected.items() for stage in stages]


@pytest.fixture(scope="module")
def infos(tmp_path_factory: pytest.TempPathFactory) -> Infos:
    root = tmp_path_factory.mktemp("switches")
    TinyWorld(root / "world")
    return Infos.open(build_infos(DATA, root / "world", root / "infos"), root / "world")


@pytest.fixture(scope="module")
def observed(infos: Infos, tmp_path_factory: pytest.TempPathFactory):
    """What a stage shows of itself, `observed(kind, stage, switch or None)`; the released side is kept."""
    folder = tmp_path_factory.mktemp("runs")
    batches = {
        (stage, training): shared_batch(infos, stage, training=training)
        for stage in ("teacher", "label-encoder", "student")
        for training in (True, False)
    }

    @cache
    def look(kind: str, stage: Stage, switch: str | None) -> Observed:
        run = settings(stage, **({switch: "corrected"} if switch else {}))
        if kind == "items":
            return observe_items(infos, run)
        if kind == "model":
            return observe_model(run, batches[stage, True], batches[stage, False])
        if kind == "half model":
            with torch.autocast("cpu", dtype=torch.float16):
                seen = observe_model(run, batches[stage, True], batches[stage, False])
            mixed = run.model_copy(update={"training": run.training.model_copy(update={"precision": "16-mixed"})})
            return {**seen, "detecting": type(detecting_precision(mixed, torch.device("cuda"))).__name__}
        if kind == "devices":
            return observe_devices(infos, run)
        if kind == "unknown velocity":
            return finite_losses(run, batches[stage, True])
        return observe_optimisation(infos, run, folder)

    return look


def changed(observed, kind: str, stage: str, switch: str) -> set[str]:
    ours, theirs = observed(kind, stage, None), observed(kind, stage, switch)
    assert ours.keys() == theirs.keys()
    return {name for name in ours if differs(ours[name], theirs[name])}


@pytest.mark.parametrize(("switch", "stage"), pairs(ITEMS))
def test_switches_of_the_data(observed, switch, stage):
    assert changed(observed, "items", stage, switch) == ITEMS[switch][stage]


@pytest.mark.parametrize(("switch", "stage"), pairs(MODEL))
def test_switches_of_models_and_losses(observed, switch, stage):
    seen = changed(observed, "model", stage, switch)
    assert seen >= MODEL[switch][stage]
    # drifted statistics and another draw of weights may show in what comes after them
    follows = {"detections", *SEEN_BY_HEAD} if "frozen after the loss" in seen else set()
    if switch == "label_box_encoding":
        return
    assert seen - MODEL[switch][stage] <= (follows if stage == "label-encoder" else set())


@pytest.mark.filterwarnings("ignore:CUDA is not available")
@pytest.mark.parametrize(("switch", "stage"), pairs(HALF))
def test_switches_of_half_precision(observed, switch, stage):
    assert changed(observed, "half model", stage, switch) >= HALF[switch][stage]
    assert changed(observed, "model", stage, switch) == set()


@pytest.mark.parametrize(("switch", "stage"), pairs(DEVICES))
def test_switches_of_several_devices(observed, switch, stage):
    assert changed(observed, "devices", stage, switch) == DEVICES[switch][stage]
    assert changed(observed, "model", stage, switch) == set()


@pytest.mark.parametrize(("switch", "stage"), pairs(OPTIMISATION))
def test_switches_of_the_optimisation(observed, switch, stage):
    assert changed(observed, "optimisation", stage, switch) == OPTIMISATION[switch][stage]


@pytest.mark.parametrize("stage", ["teacher", "label-encoder", "student"])
def test_an_unknown_velocity_spoils_the_released_losses_and_no_corrected_one(observed, stage):
    released, corrected = (observed("unknown velocity", stage, switch) for switch in (None, "nan_targets"))
    assert not released["detection"]
    assert released.get("label_feature", False) is False
    assert all(corrected.values())


def test_the_label_encoder_detects_nothing_in_the_released_evaluation(observed):
    def boxes(switch: str | None) -> list[float]:
        return [float(found["scores"].sum()) for found in observed("model", "label-encoder", switch)["detections"]]

    assert all(map(math.isfinite, boxes(None)))
    assert boxes(None) != boxes("label_encoder_eval")


def test_every_switch_is_observed_in_every_stage_it_acts_on():
    for switch in Switches.model_fields:
        stages = {stage for kind in (ITEMS, MODEL, HALF, DEVICES, OPTIMISATION) for stage in kind.get(switch, {})}
        assert stages == set(STAGES_OF_SWITCH[switch]), switch
    assert {*ITEMS, *MODEL, *HALF, *DEVICES, *OPTIMISATION} == set(Switches.model_fields)


def test_the_comparison_can_fail(observed):
    assert changed(observed, "items", "teacher", "future_sweeps")
    assert not any(
        map(differs, observed("items", "teacher", None).values(), observed("items", "teacher", None).values())
    )


@pytest.mark.parametrize("switch", Switches.model_fields)
def test_a_switch_changes_the_settings_of_its_stages_alone(switch):
    for stage in ("teacher", "label-encoder", "student"):
        same = settings(stage) == settings(stage, **{switch: "corrected"})
        assert same == (stage not in STAGES_OF_SWITCH[switch])
