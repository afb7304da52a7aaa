"""Recorded training and evaluation step of the whole method (released: models/labeldistill.py and its experiment)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from labeldistill.config.terms import Term
from labeldistill.data.batch import Batch, CameraMatrices
from labeldistill.distillation.depth_loss import depth_bins, depth_loss
from labeldistill.distillation.feature_losses import feature_distance, label_feature_loss, lidar_feature_loss
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import draw_label_maps
from labeldistill.distillation.model import DistilledStudent
from labeldistill.distillation.term_inputs import TermInputs
from labeldistill.distillation.terms import weighted_terms
from labeldistill.models.teacher import LidarTeacher
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.label_encoder import compare_buffers, compare_detections, compare_predictions
from labeldistill.parity.cases.module_run import NOISE, compare_gradient
from labeldistill.parity.cases.recorded_run import (
    FULL_TERMS,
    grid_of,
    head_of,
    label_encoder_of,
    released_run,
    student_of,
    teacher_of,
)
from labeldistill.parity.compare import DEEP_GRADIENT_LIMIT, Comparison

LOG_OF_TERM: dict[Term, str] = {
    "detection": "detection_loss",
    "depth": "depth_loss",
    "lidar_feature": "lidar_distill_loss",
    "label_feature": "label_distill_loss",
    "response": "response_loss",
}
Record = Mapping[str, Any]


def student_model(record: Record, *, corrected: tuple[str, ...] = ()) -> DistilledStudent:
    """The recorded model with its weights, its voxel indices injected, its dropout off."""
    state = {k: v.float() if v.is_floating_point() else v for k, v in record["state_dict_fp16"].items()}
    grid = grid_of(record["head_conf"]["train_cfg"])
    head = head_of(record["head_conf"], state, "head.")
    lidar = record["lidar_conf"]
    teacher_head = head.model_copy(
        update={
            "shared_channels": lidar["pts_bbox_head"]["share_conv_channel"],
            "branch_channels": len(state["centerpoint.pts_bbox_head.task_heads.0.reg.0.conv.weight"]),
        }
    )
    run = released_run(
        "student",
        grid,
        corrected=corrected,
        teacher=teacher_of(lidar, grid, teacher_head),
        label_encoder=label_encoder_of(record["labelenc_conf"], head),
        student=student_of(record, head, tuple(range(0, -2 * record["imgs_int8"].shape[1], -2))),
        terms=FULL_TERMS,
    )
    model = DistilledStudent.from_settings(run, LidarTeacher.from_settings(run), LabelEncoder.from_settings(run))
    model.load_state_dict(state, strict=True)
    inject_voxels(model, record["geom_int"])
    return model


def inject_voxels(model: DistilledStudent, voxels: Sequence[Tensor]) -> None:
    """Pool with recorded voxel indices and without dropout, so that only arithmetic can differ.

    Images also keep the recorded memory format: channels-last convolutions round differently, which BatchNorm over few
    values and 50 layers of ReLU amplify to 2 % of some gradients.
    """
    camera = model.backbone
    camera.image_features = lambda images: camera.img_neck(camera.img_backbone(images.flatten(0, 1)))  # type: ignore[method-assign]
    camera.cells = lambda cameras, frame: camera.flatten(voxels[frame].int())  # type: ignore[method-assign]
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def batch_of(record: Record) -> Batch:
    """The recorded batch as one of ours."""
    mats = record["mats"]
    return Batch(
        images=record["imgs_int8"].float() / 32,
        cameras=CameraMatrices(mats["sensor2ego_mats"], mats["intrin_mats"], mats["ida_mats"], mats["bda_mat"]),
        depth=record["depth_labels"],
        points=record["lidar_pts"].squeeze(1),
        boxes=list(record["gt_boxes"]),
        labels=list(record["gt_labels"]),
        tokens=[str(i) for i in range(len(record["gt_boxes"]))],
    )


@case("06_labeldistill_e2e.pt")
def labeldistill_e2e(golden: GoldenFolder) -> Iterator[Comparison]:
    """Targets, a training step under both teacher modes, the probe of gradients, the loss functions, evaluation."""
    record = golden.load("06_labeldistill_e2e.pt")
    yield from _targets(record)
    yield from _step("teacher_train", record, ())
    yield from _step("teacher_eval", record, ("teacher_mode",))
    yield from _probe(record)
    yield from _feature_losses(record)
    yield from _depth(record)
    yield from _evaluation(record)


def _targets(record: Record) -> Iterator[Comparison]:
    model, batch, theirs = student_model(record), batch_of(record), record["targets"]
    maps = draw_label_maps(batch.boxes, batch.labels, model.grid, model.map_options)
    yield compare.exact("bev_mask", maps.mask, theirs["bev_mask"])
    yield compare.output("sum of bev_box", maps.box.double().sum((1, 2)), theirs["bev_box_sum"])
    yield compare.exact("sum of bev_label", maps.label.sum((1, 2)), theirs["bev_label_sum"])
    options = model.term_options.head
    targets = options.targets(batch.boxes, batch.labels, model.grid, model.head_settings)
    for task, heatmap in enumerate(theirs["heatmaps"]):
        slots = theirs["inds"][task].shape[1]
        yield compare.output(f"heatmap {task}", targets.heatmaps[task], heatmap)
        yield compare.exact(f"indices {task}", targets.indices[task][:, :slots], theirs["inds"][task])
        yield compare.exact(f"masks {task}", targets.masks[task][:, :slots], theirs["masks"][task])


def _step(name: str, record: Record, corrected: tuple[str, ...]) -> Iterator[Comparison]:
    """One training step: all inputs of the terms, every loss, every gradient, and the buffers of BatchNorm."""
    theirs, model = record[name], student_model(record, corrected=corrected).train()
    seen = model.term_inputs(batch_of(record))
    yield from _seen(name, seen, theirs)
    losses = weighted_terms(model.terms, seen, model.term_options)
    for term, log in LOG_OF_TERM.items():
        yield compare.loss(f"{name} {log}", losses[term], theirs["logs"][log])
    total = torch.stack(list(losses.values())).sum()
    yield compare.loss(f"{name} total", total, theirs["total"])
    total.backward()  # type: ignore[no-untyped-call]
    yield from _gradients(name, model, theirs)
    yield from compare_buffers(name, model, theirs["buffers_after"])


def _seen(name: str, seen: TermInputs, theirs: Record) -> Iterator[Comparison]:
    assert seen.teacher is not None
    yield from compare_predictions(f"{name} prediction", seen.predictions, theirs["preds"])
    if "lidar_preds" in theirs:
        yield from compare_predictions(f"{name} teacher", seen.teacher.predictions, theirs["lidar_preds"])
    for task, heatmap in enumerate(theirs.get("lidar_preds_heatmaps", [])):
        yield compare.output(f"{name} teacher {task} heatmap", seen.teacher.predictions[task]["heatmap"], heatmap)
    yield compare.output(f"{name} depth", seen.depth, theirs["depth_preds"])
    yield from _features(f"{name} distill_feats_lidar", seen.pairs["lidar"].adapted, theirs["distill_feats_lidar"])
    yield from _features(f"{name} lidar_feats", seen.pairs["lidar"].target, theirs["lidar_feats"])
    yield from _features(f"{name} distill_feats_label", seen.pairs["label"].adapted, theirs["distill_feats_label"])
    yield from _features(f"{name} label_feats", seen.pairs["label"].target, theirs["label_feats"])


def _features(what: str, ours: list[Tensor], theirs: list[Record]) -> Iterator[Comparison]:
    """Two scales, recorded as every eighth channel and sums over all of them."""
    for scale, (x, recorded) in enumerate(zip(ours, theirs, strict=True)):
        yield compare.output(f"{what} {scale}", x[:, ::8], recorded["sub"])
        yield compare.output(f"{what} {scale} channel sums", x.double().sum((2, 3)), recorded["channel_sum"])
        yield compare.output(f"{what} {scale} sum of magnitudes", x.double().abs().sum(), recorded["abs_sum"])


def _gradients(name: str, model: DistilledStudent, theirs: Record) -> Iterator[Comparison]:
    grads = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
    yield compare.exact(f"{name} names with gradient", sorted(grads), sorted(theirs["grad_norms"]))
    without = {k.split(".")[0] for k, p in model.named_parameters() if p.grad is None}
    yield compare.exact(f"{name} parts without gradient", sorted(without), sorted(theirs["no_grad_params"]))
    largest = max(theirs["grad_norms"].values())
    for key, norm in theirs["grad_norms"].items():
        ours = float(grads[key].norm()) if key in grads else float("nan")
        if norm < NOISE * largest:
            yield Comparison(f"{name} gradient norm of {key} (noise)", ours / largest, NOISE)
        else:
            yield compare.loss(f"{name} gradient norm of {key}", ours, norm, DEEP_GRADIENT_LIMIT)
    for key, gradient in theirs["grads"].items():
        yield compare_gradient(f"{name} gradient of {key}", grads.get(key), gradient, largest, DEEP_GRADIENT_LIMIT)


def _probe(record: Record) -> Iterator[Comparison]:
    """Gradient norms by part of one scale of one feature term alone, with the terms' own masks and no weight."""
    for name, theirs in record["gradient_probe"].items():
        group, level = name.split("_level")
        model = student_model(record).train()
        seen = model.term_inputs(batch_of(record))
        probe(seen, group, int(level)).backward()  # type: ignore[no-untyped-call]
        for part, norm in theirs.items():
            found = [p.grad.norm() for k, p in model.named_parameters() if k.startswith(part) and p.grad is not None]
            ours = torch.stack(found).norm() if found else torch.zeros(())
            yield compare.loss(f"probe {name}: {part}", ours, norm, DEEP_GRADIENT_LIMIT)


def probe(seen: TermInputs, group: str, level: int) -> Tensor:
    """The mean squared error of one group at one scale."""
    pair = seen.pairs[group]
    return (pair.adapted[level] - pair.target[level]).square().mean()


def _feature_losses(record: Record) -> Iterator[Comparison]:
    """The feature losses alone: soft and binary mask, none, one sample, no object."""
    theirs = record["feature_distill_loss"]
    target, heatmaps = theirs["lidar_feat"], record["targets"]["heatmaps"]

    def leaves() -> list[Tensor]:
        return [x.clone().requires_grad_() for x in theirs["distill_feats"]]

    def soft(ours: list[Tensor]) -> Tensor:
        return lidar_feature_loss(ours, target, heatmaps, summed_mask=True)

    def binary(ours: list[Tensor]) -> Tensor:
        return label_feature_loss(ours, target, heatmaps)

    def unmasked(ours: list[Tensor]) -> Tensor:
        return feature_distance(ours, target, None)

    for name, function in (("mask_soft", soft), ("mask_binary", binary), ("no_mask", unmasked)):
        ours, recorded = leaves(), theirs["results"][name]
        loss = function(ours)
        loss.backward()  # type: ignore[no-untyped-call]
        yield compare.loss(f"feature loss {name}", loss, recorded["loss"])
        for scale, (x, gradient) in enumerate(zip(ours, recorded["grads"], strict=True)):
            yield compare.gradient(f"feature loss {name} gradient {scale}", x.grad, gradient)
    first = [x[:1] for x in leaves()], [x[:1] for x in target], [h[:1] for h in heatmaps]
    yield compare.loss(
        "feature loss of one sample", label_feature_loss(*first), theirs["results"]["mask_binary_batch1"]["loss"]
    )
    nothing = lidar_feature_loss(leaves(), target, [torch.zeros_like(h) for h in heatmaps], summed_mask=True)
    yield compare.loss("feature loss without objects", nothing, theirs["results"]["empty_heatmap"]["loss"])


def _depth(record: Record) -> Iterator[Comparison]:
    """The depth loss alone (recorded with its weight), and which bin a depth falls into."""
    theirs, camera = record["depth_loss"], record["backbone_conf"]
    stride, depth_m = camera["downsample_factor"], tuple(camera["d_bound"])
    yield compare.exact("depth bins", depth_bins(record["depth_labels"], stride, depth_m), theirs["downsampled_gt"])
    predicted = theirs["depth_preds"].clone().requires_grad_()
    loss = FULL_TERMS["depth"] * depth_loss(predicted, record["depth_labels"], stride, depth_m)
    loss.backward()  # type: ignore[no-untyped-call]
    yield compare.loss("depth loss", loss, theirs["loss"])
    yield compare.gradient("depth loss gradient", predicted.grad, theirs["grad"])
    borders = record["depth_bins"]
    onehot = borders["onehot"]
    step = (depth_m[1] - depth_m[0]) / onehot.shape[1]
    pixels = borders["depth"].numel() // len(onehot)  # cells
    ours = depth_bins(borders["depth"], round(pixels**0.5), (depth_m[0], depth_m[1], step))
    yield compare.exact("depth bins at their borders", ours, onehot)


def _evaluation(record: Record) -> Iterator[Comparison]:
    model, batch = student_model(record).eval(), batch_of(record)
    with torch.no_grad():
        yield from compare_predictions("eval prediction", model(batch).predictions, record["eval"]["preds"])
        yield from compare_detections(model.detect(batch), record["eval"]["results"])
