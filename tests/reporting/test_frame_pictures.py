"""Which key frames a report shows, and what stands where in their pictures."""

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.evaluation.ground_truth_part import part_of
from labeldistill.evaluation.matching import match
from labeldistill.geometry.boxes import corners
from labeldistill.reporting.bev_picture import bev_picture
from labeldistill.reporting.key_frame_scores import FrameScores, chosen_frames, frame_scores, frame_table

SMALL = Size(samples=12, scenes=3, truths_per_sample=12, boxes_per_sample=30)


def test_each_key_frame_is_matched_as_if_it_were_scored_alone() -> None:
    predictions, truth = generate(SMALL)
    scores = frame_scores(predictions, truth)
    for row, token in enumerate(truth.tokens):
        alone = match(predictions.of_samples([token]), part_of(truth, None, [token]))
        kept = alone.score >= scores.threshold
        hit = alone.box[alone.protocol.thresholds_m.index(2.0)] >= 0
        boxes = len(alone.truth.label)
        assert scores.found[row] == np.count_nonzero(kept & hit)
        assert scores.false[row] == np.count_nonzero(kept & ~hit)
        assert scores.missed[row] == boxes - scores.found[row]


def test_the_threshold_is_the_one_with_the_highest_f1_of_all() -> None:
    predictions, truth = generate(SMALL, seed=2)
    matches, scores = match(predictions, truth), frame_scores(predictions, truth)
    hit, boxes = matches.box[matches.protocol.thresholds_m.index(2.0)] >= 0, len(matches.truth.label)

    def f1(threshold: float) -> float:
        kept = matches.score >= threshold
        return float(2 * np.count_nonzero(kept & hit) / (np.count_nonzero(kept) + boxes))

    assert f1(scores.threshold) == pytest.approx(max(f1(score) for score in np.unique(matches.score)))


def _scores(found: list[int], false: list[int], missed: list[int]) -> FrameScores:
    return FrameScores(0.5, np.array(found), np.array(false), np.array(missed))


def test_best_worst_and_changed_are_different_frames_with_enough_boxes() -> None:
    theirs = _scores([5, 0, 5, 1, 0], [0, 9, 0, 0, 0], [0, 5, 5, 0, 0])
    ours = _scores([5, 0, 9, 1, 0], [0, 9, 0, 0, 0], [0, 5, 1, 0, 0])
    assert chosen_frames(theirs, ours) == {"best": 0, "worst": 1, "changed": 2}


def test_nothing_is_chosen_where_nothing_was_found() -> None:
    nothing = _scores([0, 0], [3, 0], [1, 0])
    assert chosen_frames(nothing, nothing) == {}
    assert frame_table(("a", "b"), {"full": nothing})["f1"].isna().tolist() == [False, True]


def test_from_above_forward_is_up_and_left_is_left() -> None:
    blue = (0, 0, 255)
    box = corners([[-4, -4, 0, 2, 2, 2, 0, 0, 0]])
    picture = bev_picture(np.array([[5.0, 3.0, 0.0], [99.0, 0.0, 0.0]]), {blue: box}, reach_m=10, side=200)
    pixels = np.asarray(picture).astype(int)
    assert pixels[50, 70].tolist() == [120, 132, 148]  # 5 m ahead, 3 m to the left: ten pixels a metre
    rows, columns = np.nonzero((pixels == blue).all(axis=2))
    assert (rows.min(), rows.max()) == pytest.approx((130, 150), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((130, 150), abs=1)
