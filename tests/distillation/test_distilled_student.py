"""The student in training: sets of loss terms, frozen teachers, and where gradient goes."""

import copy

import pytest
import torch

from labeldistill.checks.gradient_audit import gradient_audit
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.model import DistilledStudent
from labeldistill.errors import InputError
from labeldistill.models.teacher import LidarTeacher

FULL = {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0}
ROWS = {
    "baseline": ("detection", "depth"),
    "lidar-only": ("detection", "depth", "lidar_feature", "response"),
    "label-only": ("detection", "depth", "label_feature"),
    "full": tuple(FULL),
}


def build(run, seed=0):
    torch.manual_seed(99)
    teacher, encoder = LidarTeacher.from_settings(run), LabelEncoder.from_settings(run)
    torch.manual_seed(seed)
    return DistilledStudent.from_settings(run, teacher, encoder)


def row(make_run, name, **changes):
    return make_run(terms={term: FULL[term] for term in ROWS[name]}, **changes)


def frozen_state(model):
    return {k: v.clone() for k, v in model.state_dict().items() if k.split(".")[0] in ("centerpoint", "label_encoder")}


def test_variants_differ_only_in_their_terms(make_run, batch):
    models = {name: build(row(make_run, name)).train() for name in ROWS}
    parts = {name: {k.split(".")[0] for k in m.state_dict()} for name, m in models.items()}
    assert parts["baseline"] == {"backbone", "head"}
    assert parts["lidar-only"] == {"backbone", "head", "distill_encoder_lidar", "centerpoint"}
    assert parts["label-only"] == {"backbone", "head", "distill_encoder_label", "label_encoder"}
    assert parts["full"] == parts["lidar-only"] | parts["label-only"]
    losses = {name: m.losses(batch) for name, m in models.items()}
    for name, terms in ROWS.items():
        assert tuple(losses[name]) == terms
        for term in terms:  # the same student from the same seed: each term is what it is in the full row
            assert losses[name][term].item() == pytest.approx(losses["full"][term].item(), rel=1e-5)


def test_weights_scale_their_terms(make_run, batch):
    once = build(make_run(terms=FULL)).train().losses(batch)
    doubled = build(make_run(terms={**FULL, "depth": 6.0, "response": 0.25})).train().losses(batch)
    for term, factor in {"detection": 1, "depth": 2, "response": 0.25, "lidar_feature": 1}.items():
        assert doubled[term].item() == pytest.approx(factor * once[term].item(), rel=1e-5)


@pytest.mark.parametrize("corrected", [(), ("teacher_mode",)])
def test_frozen_teachers_get_no_gradient_and_drift_only_under_released(make_run, batch, corrected):
    model = build(make_run(corrected=corrected)).train()
    assert model.centerpoint.training == model.label_encoder.training == (not corrected)
    before = frozen_state(model)
    sum(model.losses(batch).values()).backward()
    assert all(p.grad is None for m in model.frozen().values() for p in m.parameters())
    changed = {k for k, v in frozen_state(model).items() if not torch.equal(v, before[k])}
    if corrected:
        assert not changed
    else:
        assert {k.split(".")[0] for k in changed} == {"centerpoint", "label_encoder"}
        assert all(k.endswith(("running_mean", "running_var", "num_batches_tracked")) for k in changed)
    model.eval()
    assert not model.centerpoint.training


def test_every_other_parameter_learns_except_the_frozen_stem(make_run, batch):
    model = build(make_run()).train()
    sum(model.losses(batch).values()).backward()
    without = {k for k, p in model.named_parameters() if p.grad is None}
    stem = {"backbone.img_backbone.conv1.weight", "backbone.img_backbone.bn1.weight", "backbone.img_backbone.bn1.bias"}
    assert {k for k in without if k.split(".")[0] not in ("centerpoint", "label_encoder")} == stem


@pytest.mark.parametrize("switch", ["partition_axis", "response_target", "feature_mask", "label_extent"])
def test_a_switch_changes_its_own_terms(make_run, batch, switch):
    touched = {
        "partition_axis": {"lidar_feature", "label_feature"},
        "response_target": {"response"},
        "feature_mask": {"lidar_feature"},
        "label_extent": {"label_feature"},
    }[switch]
    released = build(make_run()).train().losses(batch)
    corrected = build(make_run(corrected=(switch,))).train().losses(batch)
    for term in FULL:
        same = released[term].item() == pytest.approx(corrected[term].item(), rel=1e-6)
        assert same == (term not in touched), term


def test_training_a_term_without_its_teacher_is_said_so(make_run, batch):
    model = DistilledStudent.from_settings(row(make_run, "lidar-only"))
    with pytest.raises(InputError, match="LiDAR teacher"):
        model.losses(batch)
    with pytest.raises(InputError, match="label encoder"):
        DistilledStudent.from_settings(row(make_run, "label-only")).losses(batch)


def test_a_group_without_channels_can_not_be_compared(make_run):
    with pytest.raises(InputError, match=r"distillation\.partition"):
        build(make_run(shares={"label": 0.5, "lidar": 0.0, "free": 0.5}))
    build(row(make_run, "label-only", shares={"label": 0.5, "lidar": 0.0, "free": 0.5}))


def test_detection_needs_no_teacher_and_gives_one_set_of_boxes_a_sample(make_run, batch):
    full = build(make_run()).eval()
    alone = DistilledStudent.from_settings(make_run()).eval()
    state = {k: v for k, v in full.state_dict().items() if k.split(".")[0] not in ("centerpoint", "label_encoder")}
    alone.load_state_dict(state, strict=True)
    with torch.no_grad():
        found, without = full.detect(batch), alone.detect(batch)
    assert len(found) == len(batch)
    for ours, theirs in zip(found, without, strict=True):
        assert torch.equal(ours.boxes, theirs.boxes)
        assert ours.boxes.shape[1] == 9


def test_another_number_of_frames_is_refused(make_run, batch):
    with pytest.raises(ValueError, match="frames"):
        build(make_run(student={"frame_offsets": (0, -1)}))(batch)


def gradients(audit, **wanted):
    return [r for r in audit.channels if all(getattr(r, k) == v for k, v in wanted.items())]


def part(audit, term, scale, name):
    (found,) = [r for r in audit.parts if (r.term, r.compared_at, r.part) == (term, scale, name)]
    return found.gradient


def test_audit_released_lidar_group_at_scale_0_is_a_past_frame_and_trains_only_its_adaptor(make_run, batch):
    model = build(make_run()).train()
    before = copy.deepcopy(model.state_dict())
    audit = gradient_audit(model, batch)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    (past,) = gradients(audit, term="lidar_feature", compared_at=0, scale=0, group="lidar")
    assert past.frame_offset == -1
    assert past.gradient > 0
    assert not past.trains
    assert part(audit, "lidar_feature", 0, "backbone") == part(audit, "lidar_feature", 0, "head") == 0
    assert part(audit, "lidar_feature", 0, "distill_encoder_lidar") > 0
    assert part(audit, "lidar_feature", 1, "backbone") > 0
    (current,) = gradients(audit, term="label_feature", compared_at=0, scale=0, group="label")
    assert (current.frame_offset, current.trains) == (0, True)
    assert part(audit, "depth", None, "backbone") > 0
    assert {r.part for r in audit.parts if r.part in ("centerpoint", "label_encoder")} == {
        "centerpoint",
        "label_encoder",
    }
    assert all(r.gradient == 0 for r in audit.parts if r.part in ("centerpoint", "label_encoder"))
    assert all(r.gradient == 0 for r in gradients(audit, term="depth"))


def test_audit_corrected_lidar_group_at_scale_0_trains_the_current_frame(make_run, batch):
    audit = gradient_audit(build(make_run(corrected=("partition_axis",))), batch)
    rows = {r.frame_offset: r for r in gradients(audit, term="lidar_feature", compared_at=0, scale=0, group="lidar")}
    assert set(rows) == {0, -1, -2}
    assert [rows[f].trains for f in (0, -1, -2)] == [True, False, False]
    assert all(r.gradient == 0 for r in gradients(audit, term="lidar_feature", compared_at=0, scale=0, group="label"))
    assert part(audit, "lidar_feature", 0, "backbone") > 0


def test_audit_of_a_row_without_partition(make_run, batch):
    run = row(make_run, "baseline").model_copy(update={"distillation": None, "teacher": None, "label_encoder": None})
    audit = gradient_audit(DistilledStudent.from_settings(run), batch)
    assert {r.group for r in audit.channels} == {"all"}
    assert {r.term for r in audit.channels} == {"detection", "depth"}
