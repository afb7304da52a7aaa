"""The label-encoder stage: what learns, what is frozen, the input in evaluation."""

import pytest
import torch

from labeldistill.distillation.inverse import LabelInverse


def build(run):
    torch.manual_seed(0)
    return LabelInverse.from_settings(run)


@pytest.mark.parametrize("corrected", [(), ("teacher_mode",)])
def test_only_the_label_encoder_learns(make_run, batch, corrected):
    model = build(make_run("label-encoder", corrected=corrected)).train()
    before = {k: v.clone() for k, v in model.centerpoint.state_dict().items()}
    loss = model.losses(batch)["detection"]
    loss.backward()
    assert {k.split(".")[0] for k, p in model.named_parameters() if p.grad is not None} == {"label_encoder"}
    assert all(p.grad is not None for p in model.label_encoder.parameters())
    changed = {k.split(".")[0] for k, v in model.centerpoint.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == (set() if corrected else {"pts_neck", "pts_bbox_head"})


def test_released_evaluation_puts_no_boxes_in(make_run, batch):
    corrected, released = (
        build(make_run("label-encoder", **{value: ("label_encoder_eval",)})).eval()
        for value in ("corrected", "released")
    )
    nothing = type(batch)(None, None, None, None, [b[:0] for b in batch.boxes], [x[:0] for x in batch.labels], ["", ""])
    with torch.no_grad():
        fed, empty, none = corrected.detect(batch), released.detect(batch), corrected.detect(nothing)
    assert len(fed) == len(empty) == 2
    for ours, theirs in zip(empty, none, strict=True):
        assert torch.equal(ours.boxes, theirs.boxes)
    assert any(
        a.scores.shape != b.scores.shape or not torch.equal(a.scores, b.scores) for a, b in zip(fed, empty, strict=True)
    )


def test_the_encoder_learns_through_the_frozen_head(make_run, batch):
    model = build(make_run("label-encoder", corrected=("teacher_mode", "label_extent", "label_rounding"))).train()
    optimizer = torch.optim.AdamW(model.label_encoder.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.losses(batch)["detection"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
