"""The reference band: made from finished runs, left by a score outside it, at the false-alarm rate that it states."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labeldistill.claims.reference_band import FALSE_ALARMS, compare_with_band, write_band
from labeldistill.errors import InputError

UNITS = ("baseline", "full")


def _table(scores: dict[str, list[float]], diverged: tuple[int, ...] = ()) -> pd.DataFrame:
    about = {"weights": "ema", "class": "all"}
    return pd.DataFrame(
        [
            {
                **about,
                "variant": unit,
                "seed": seed,
                "metric": metric,
                "value": value,
                "status": "diverged" if seed in diverged else "finished",
            }
            for unit, values in scores.items()
            for seed, value in enumerate(values)
            for metric in ("mAP", "NDS")
        ]
    )


@pytest.fixture(autouse=True)
def _studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))


THREE = [0.30, 0.31, 0.32]


def test_the_same_scores_are_inside_and_others_are_not() -> None:
    write_band("toy", _table({"full": THREE}))
    assert all(row.inside for row in compare_with_band("toy", _table({"full": THREE})))
    for shift in (-0.2, 0.2):
        assert not any(row.inside for row in compare_with_band("toy", _table({"full": [v + shift for v in THREE]})))


def test_the_band_is_that_of_the_mean_of_further_runs_at_the_level_of_the_family() -> None:
    write_band("toy", _table({"full": THREE}))
    row = compare_with_band("toy", _table({"full": THREE[:2]}))[0]
    half = stats.t.ppf(1 - FALSE_ALARMS / 4, 2) * 0.01 * (1 / 3 + 1 / 2) ** 0.5  # two gates: mAP and NDS
    assert (row.low, row.high) == pytest.approx((0.31 - half, 0.31 + half))


def test_a_unit_that_the_reference_lacks_does_not_pass() -> None:
    write_band("toy", _table({"baseline": THREE}))
    rows = compare_with_band("toy", _table({"baseline": THREE, "full": THREE}))
    assert [(row.unit, row.gate, row.inside) for row in rows if row.metric == "mAP"] == [
        ("baseline", True, True),
        ("full", True, False),
    ]
    assert all(row.inside for row in compare_with_band("toy", _table({"baseline": THREE})))


def test_a_band_that_contains_0_is_no_gate() -> None:
    write_band("toy", _table({"full": [0.001, 0.01, 0.02]}))
    rows = compare_with_band("toy", _table({"full": [0.001, 0.01, 0.02]}))
    assert not any(row.gate or row.inside for row in rows)
    assert {row.reason for row in rows} == {"no gate: the band contains 0"}


def test_a_single_run_is_no_gate() -> None:
    write_band("toy", _table({"full": [0.3]}))
    rows = compare_with_band("toy", _table({"full": [0.3]}))
    assert not any(row.gate for row in rows)
    assert "single run" in rows[0].reason


def test_a_diverged_run_neither_makes_nor_moves_the_band_but_is_no_success() -> None:
    write_band("toy", _table({"full": [*THREE, 0.0]}, diverged=(3,)))
    same = compare_with_band("toy", _table({"full": [*THREE, 0.0]}, diverged=(3,)))
    assert [row.mean for row in same] == pytest.approx([0.31, 0.31])
    assert all(row.inside and row.low > 0.2 for row in same)
    more = compare_with_band("toy", _table({"full": [*THREE, 0.0, 0.0]}, diverged=(3, 4)))
    assert not any(row.inside for row in more)
    assert more[0].reason == "2 of 5 runs have no score"


def test_only_failed_runs_are_outside() -> None:
    write_band("toy", _table({"full": THREE}))
    rows = compare_with_band("toy", _table({"full": [0.0, 0.0]}, diverged=(0, 1)))
    assert all(row.gate and not row.inside for row in rows)


def test_no_band_and_one_of_the_old_form_say_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--write"):
        compare_with_band("nobody", _table({"full": THREE}))
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "old.yaml").write_text("full:\n  mAP: [0.1, 0.2]\n")
    with pytest.raises(InputError, match="write it again with --write"):
        compare_with_band("old", _table({"full": THREE}))


def test_false_alarms_are_as_rare_as_stated() -> None:
    """Unchanged code with independent units: some gate fails in at most 5 % of checks, and in not much fewer."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(150):
        before, after = ({unit: list(random.normal(0.3, 0.01, 4)) for unit in UNITS} for _ in range(2))
        write_band("toy", _table(before))
        alarms += not all(row.inside for row in compare_with_band("toy", _table(after)))
    assert stats.binomtest(alarms, 150, FALSE_ALARMS, alternative="greater").pvalue > 0.001
