"""Label encoder and adaptor: sizes, switches, and what padding must not do."""

import torch

from labeldistill.config.grid import GridSettings
from labeldistill.distillation.adaptor import DistillAdaptor
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import LabelMapOptions, draw_label_maps


def test_features_have_the_teachers_scales_also_on_a_grid_that_is_not_square(make_run):
    grid = GridSettings(x_m=(-25.6, 25.6, 1.6), y_m=(-12.8, 12.8, 1.6))
    encoder = LabelEncoder.from_settings(make_run("label-encoder", grid=grid))
    maps = draw_label_maps([torch.zeros(0, 9)] * 3, [torch.zeros(0, dtype=torch.int64)] * 3, grid)
    assert [tuple(x.shape) for x in encoder(maps)] == [(3, 8, 16, 32), (3, 12, 8, 16)]


def test_switch_label_box_encoding_changes_the_box_input_alone(make_run):
    released = LabelEncoder.from_settings(make_run("label-encoder"))
    run = make_run("label-encoder", corrected=("label_box_encoding",))
    corrected = LabelEncoder.from_settings(run)
    shapes = [{k: tuple(v.shape) for k, v in e.state_dict().items()} for e in (released, corrected)]
    different = {k for k in shapes[0] if shapes[0][k] != shapes[1][k]}
    assert different == {"mlp_box.fc1.weight"}
    assert (released.mlp_box.fc1.in_features, corrected.mlp_box.fc1.in_features) == (9, 10)
    boxes = [torch.tensor([[1.0, 1, 0, 4, 2, 1.5, 0.3, 0, 0]])]
    maps = draw_label_maps(boxes, [torch.tensor([0])], run.grid, LabelMapOptions.from_settings(run))
    assert len(corrected(maps)) == 2


def test_rules_follow_the_switches(make_run):
    released = LabelMapOptions.from_settings(make_run("label-encoder"))
    names = ("label_extent", "label_border", "label_rounding", "label_box_encoding")
    corrected = LabelMapOptions.from_settings(make_run("label-encoder", corrected=names))
    assert released == LabelMapOptions(True, True, True, False, max_objects=20)
    assert corrected == LabelMapOptions(False, False, False, True, max_objects=20)


def test_every_map_passes_the_same_layers_where_nothing_is_drawn(make_run):
    run = make_run("label-encoder")
    encoder = LabelEncoder.from_settings(run).eval()
    boxes = [torch.tensor([[1.0, 1, 0, 4, 2, 1.5, 0.3, 0, 0]]), torch.zeros(0, 9)]
    labels = [torch.tensor([0]), torch.zeros(0, dtype=torch.int64)]
    full, empty = (x.unbind(0) for x in encoder(draw_label_maps(boxes, labels, run.grid))[0].unbind(0))
    assert not torch.equal(torch.stack(list(full)), torch.stack(list(empty)))


def test_adaptor_pads_by_repeating_the_border():
    adaptor = DistillAdaptor([3], [5]).eval()
    first = adaptor.blocks[0][0]
    flat = first(torch.full((1, 3, 6, 6), 2.0))
    assert torch.allclose(flat, flat[:, :, :1, :1].expand_as(flat), atol=1e-6)
    assert adaptor([torch.randn(2, 3, 6, 4)])[0].shape == (2, 5, 6, 4)
