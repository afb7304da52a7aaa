"""Dry runs without data or parents: random key frames, smaller shapes of the same networks."""

import numpy as np
import pytest
import torch

from labeldistill.checks.dry_run import Places, prepare, small
from labeldistill.checks.synthetic_batches import SyntheticItems
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.models.teacher import voxel_cells


def student(study: str = "smoke", variant: str = "full") -> RunSettings:
    return run_settings(load_study(study), "student", variant, 0)


def test_synthetic_key_frames_follow_from_seed_epoch_and_index() -> None:
    run = student()
    items, again = SyntheticItems(run), SyntheticItems(run)
    one, same = items.item(1, 2), again.item(1, 2)
    assert one.images is not None
    assert same.images is not None
    assert torch.equal(one.images, same.images)
    assert torch.equal(one.boxes[0], same.boxes[0])
    for other in (items.item(1, 3), items.item(2, 2), SyntheticItems(run.model_copy(update={"seed": 1})).item(1, 2)):
        assert other.images is not None
        assert not torch.equal(one.images, other.images)


def test_synthetic_key_frames_have_the_runs_shapes_and_plausible_values() -> None:
    run = student()
    items = SyntheticItems(run)
    batch = items.collate([items.item(0, 0), items.item(0, 1)])
    assert batch.images is not None
    assert batch.depth is not None
    assert batch.points is not None
    assert batch.cameras is not None
    assert batch.images.shape == (2, 2, 6, 3, 64, 176)
    assert batch.depth.shape == (2, 6, 64, 176)
    assert batch.points.shape[::2] == (2, 5)
    seen = batch.depth[batch.depth > 0]
    assert 0.01 < len(seen) / batch.depth.numel() < 0.1
    assert 1.0 <= seen.min() < seen.max() <= 19.0
    for box, label in zip(batch.boxes, batch.labels, strict=True):
        assert box.shape == (len(label), 9)
        assert box[:, :2].abs().max() <= 16
    rotation = batch.cameras.sensor2ego[0, 0, :, :3, :3]
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(6, 3, 3))
    assert torch.linalg.det(rotation).allclose(torch.ones(6))
    forward = rotation[:, :, 2]
    assert forward[:, 2].abs().max() == 0  # they look along the ground
    np.testing.assert_allclose(np.diff(np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))), np.pi / 3, atol=1e-6)


def test_a_run_only_gets_what_its_terms_want() -> None:
    baseline = SyntheticItems(student(variant="baseline")).item(0, 0)
    assert baseline.points is None
    assert baseline.depth is not None
    teacher = SyntheticItems(run_settings(load_study("smoke"), "teacher", None, 0)).item(0, 0)
    assert teacher.images is None
    assert teacher.points is not None


@pytest.mark.parametrize("study", ["paper-r50-3f", "paper-r50-5f", "paper-r101-3f"])
def test_small_keeps_networks_and_shrinks_shapes(study: str) -> None:
    run = student(study)
    less = small(run)
    assert less.student is not None
    assert run.student is not None
    assert less.teacher is not None
    assert less.student.image.size_px == (32, 96)
    assert less.grid.cells_xy == (16, 16)
    assert less.grid.x_m[2] == run.grid.x_m[2]
    assert voxel_cells(less.grid, less.teacher)[:2] == (128, 128)  # the teacher's voxels still fill its cells
    image = {"image": less.student.image}
    assert less.student == run.student.model_copy(update=image)
    kept = {"grid": run.grid, "student": run.student}
    assert less.model_copy(update=kept) == run


def test_small_leaves_a_small_run_alone() -> None:
    once = small(student())
    assert once != student()
    assert small(once) == once


def test_notes_say_what_is_random() -> None:
    notes = prepare(student(), Places(), batch=1, device="cpu").notes
    assert notes == (
        "untrained, with random weights: teacher, label encoder",
        "key frames: random numbers in the run's shapes",
    )
    assert len(prepare(student(variant="baseline"), Places(), batch=1).notes) == 1


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (prepare(student(), Places(), batch=1).job.model.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
