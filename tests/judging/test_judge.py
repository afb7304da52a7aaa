"""The verb `judge` on a small folder: its split, its refusals, and the claims beside it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated_split import Size, generate
from small_nuscenes import SAMPLES, Track, write_folder

from labeldistill.claims.claims import Claim
from labeldistill.errors import InputError
from labeldistill.evaluation.evaluate import evaluate
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import write_results
from labeldistill.evaluation.scoring import scored
from labeldistill.evaluation.scoring_task import ScoringTask
from labeldistill.judging.beside_claims import Beside, beside
from labeldistill.judging.judge import judge
from labeldistill.judging.read_file import read_file
from labeldistill.judging.which_split import Place, find_split, samples_counted

TRACK = Track("vehicle.car", 0, ((5.0, 3.0, 1.0),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("nuscenes"), [TRACK])


def boxes(tokens: tuple[str, ...], **changes: object) -> Predictions:
    n = len(tokens)
    sample = np.arange(n, dtype=np.int32)
    size, turn = np.tile([2.0, 4.0, 1.5], (n, 1)), np.tile([1.0, 0, 0, 0], (n, 1))
    centre, codes = np.tile([105.0, 203.0, 1.0], (n, 1)), np.zeros(n, dtype=np.int8)
    found = Predictions(tokens, sample, centre, size, turn, np.zeros((n, 2)), codes, np.full(n, 0.5), codes)
    return replace(found, **changes)  # type: ignore[arg-type]


def test_the_split_is_found_from_the_samples(folder: Path) -> None:
    assert find_split(SAMPLES, Place(folder), sizes={}).split == "mini_val"
    assert find_split(SAMPLES, Place(folder, split="own"), sizes={}).split == "own"
    assert find_split(SAMPLES[3:], Place(folder), sizes={}).split == "second"


@pytest.mark.parametrize(
    ("tokens", "split", "said"),
    [
        (SAMPLES, "second", "likely split: mini_val"),
        ((*SAMPLES, "elsewhere"), None, "6 of mini_val's 6, 3 of second's 3, 6 of own's 6, 1 that are in no table"),
        (SAMPLES[1:], None, "samples without boxes need an entry too"),
        (tuple(f"{i}" for i in range(404)), None, "likely split: mini_train and mini_val in one"),
        (tuple(f"{i}" for i in range(323)), "mini_val", "likely split: mini_train"),
    ],
)
def test_other_samples_are_refused_with_their_counts(
    folder: Path, tokens: tuple[str, ...], split: str | None, said: str
) -> None:
    sizes = {"mini_train": 323, "mini_val": 81}
    with pytest.raises(InputError) as caught:
        find_split(tokens, Place(folder, split=split), sizes=sizes, file=Path("mine.json"))
    assert str(caught.value).startswith("mine.json: results: ")
    assert said in str(caught.value)


def test_train_and_val_in_one_file_are_counted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "nuscenes", [TRACK])
    halves = {"first": ["scene-0103"], "second": ["scene-0916"]}
    (folder / "v1.0-mini" / "splits.json").write_text(json.dumps(halves))
    with pytest.raises(InputError, match=r"6 samples, which is not first of .*: 3 of first's 3, 3 of second's 3"):
        find_split(SAMPLES, Place(folder, split="first"), sizes={})


@pytest.mark.parametrize(
    ("split", "tokens", "said"),
    [
        ("mini_val", tuple(f"{i}" for i in range(404)), "404 samples, .*likely split: mini_train and mini_val in one"),
        (("scene-0103",), SAMPLES, "6 samples, exactly those of mini_val; other scenes are scored here"),
        ("mini_val", SAMPLES[1:], "5 of mini_val's 6.*samples without boxes need an entry too"),
    ],
)
def test_whoever_scores_other_samples_is_told_their_split(
    folder: Path, tmp_path: Path, split: str | tuple[str, ...], tokens: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "mine.json"
    write_results(boxes(tokens), file)
    task = ScoringTask(folder, "v1.0-mini", split)
    with pytest.raises(InputError, match=said), samples_counted(task):
        evaluate(file, task, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sample_outside_the_part_that_is_scored_is_named(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    write_results(boxes((*SAMPLES[:2], "elsewhere")), file)
    task = ScoringTask(folder, "v1.0-mini", "mini_val", samples=SAMPLES[:2])
    with pytest.raises(InputError, match="1 that are in no table"), samples_counted(task):
        evaluate(file, task, tmp_path / "out")


@pytest.mark.parametrize(
    ("score", "said"), [([10.0, 90.0, 55.0], "scores are percent"), ([-3.0, 2.5, 4.0], "scores are logits")]
)
def test_scores_that_are_no_probabilities_are_named(tmp_path: Path, score: list[float], said: str) -> None:
    file = tmp_path / "mine.json"
    write_results(boxes(SAMPLES[:3], score=np.array(score)), file)
    with pytest.raises(InputError, match=said):
        read_file(file, None)


def test_a_second_look_reads_the_kept_columns_and_a_changed_file_again(tmp_path: Path) -> None:
    file, cache = tmp_path / "mine.json", tmp_path / "cache"
    write_results(boxes(SAMPLES), file)
    first = read_file(file, cache)
    (kept,) = cache.glob("results-*.parquet")
    assert np.array_equal(read_file(file, cache).translation, first.translation)
    kept.write_bytes(b"damaged")
    assert len(read_file(file, cache)) == len(first)
    write_results(boxes(SAMPLES, score=np.full(len(SAMPLES), 0.25)), file)
    assert read_file(file, cache).score[0] == 0.25


def claim(**values: object) -> Claim:
    about = {"id": "c", "what": "", "split": "val", "source": "", "confidence": "primary", **values}
    return Claim.model_validate(about)


def test_a_claim_agrees_differs_or_is_not_comparable() -> None:
    metrics = scored(*generate(Size(samples=40, scenes=4, boxes_per_sample=40))).metrics
    ap, nds = 100 * metrics.mean_ap, 100 * metrics.nd_score
    near = beside(claim(mAP=ap + 0.3, NDS=nds - 0.3, mATE=metrics.tp_errors["trans_err"]), metrics)
    assert near.verdict is Beside.AGREES
    assert [row.metric for row in near.metrics] == ["mAP", "NDS", "mATE"]
    assert beside(claim(mAP=ap + 10, NDS=nds), metrics).verdict is Beside.DIFFERS
    assert beside(claim(mAP=ap), metrics, "another sensor").verdict is Beside.NOT_COMPARABLE
    assert beside(claim(mATE=0.5), metrics).verdict is Beside.NOT_COMPARABLE
    classes = beside(claim(mAP=ap, per_class_AP={"car": 50.0}), metrics).classes
    assert classes["car"] == (pytest.approx(100 * metrics.mean_dist_aps["car"]), 50.0)


def test_errors_outside_are_shown_and_do_not_decide() -> None:
    metrics = scored(*generate(Size(samples=40, scenes=4, boxes_per_sample=40))).metrics
    found = beside(claim(mAP=100 * metrics.mean_ap, mAVE=9.0), metrics)
    assert (found.verdict, found.metrics[1].inside) == (Beside.AGREES, False)


def test_the_folders_own_split_is_never_compared(folder: Path, tmp_path: Path) -> None:
    write_results(boxes(SAMPLES), tmp_path / "mine.json")
    found = judge(tmp_path / "mine.json", Place(folder), "r50")
    assert found.claims[0].verdict is Beside.NOT_COMPARABLE
    assert found.claims[0].reason == "the claim is about val, the file covers mini_val"
    assert judge(tmp_path / "mine.json", Place(folder)).claims == []


def test_the_verb_prints_json_and_fails_without_agreement(folder: Path, tmp_path: Path) -> None:
    write_results(boxes(SAMPLES), tmp_path / "mine.json")
    command = [sys.executable, "-m", "labeldistill.cli.main", "judge", "mine.json", "--dataroot", str(folder)]
    done = subprocess.run([*command, "--claim", "r50", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["split"], found["claims"][0]["verdict"], found["agrees"]) == ("mini_val", "NOT COMPARABLE", [])
    assert done.stderr.strip() == "labeldistill: r50: NOT COMPARABLE: the claim is about val, the file covers mini_val"
    unknown = subprocess.run([*command, "--claim", "r51"], cwd=tmp_path, capture_output=True, text=True)
    assert (unknown.returncode, unknown.stdout) == (2, "")
