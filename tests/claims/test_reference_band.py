"""The reference band: made from finished runs, left by a score outside it."""

from pathlib import Path

import pandas as pd
import pytest

from labeldistill.claims.reference_band import compare_with_band, write_band
from labeldistill.errors import InputError


def _table(scores: dict[int, float], diverged: tuple[int, ...] = ()) -> pd.DataFrame:
    about = {"variant": "full", "weights": "ema", "class": "all"}
    return pd.DataFrame(
        [
            {
                **about,
                "seed": seed,
                "metric": metric,
                "value": value,
                "status": "diverged" if seed in diverged else "finished",
            }
            for seed, value in scores.items()
            for metric in ("mAP", "NDS")
        ]
    )


@pytest.fixture(autouse=True)
def _studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))


def test_the_same_scores_are_inside_and_others_are_not() -> None:
    write_band("toy", _table({0: 0.30, 1: 0.32}))
    assert all(row.inside for row in compare_with_band("toy", _table({0: 0.30, 1: 0.32})))
    assert not any(row.inside for row in compare_with_band("toy", _table({0: 0.10, 1: 0.12})))
    assert not any(row.inside for row in compare_with_band("toy", _table({0: 0.50, 1: 0.52})))


def test_a_diverged_run_neither_makes_nor_moves_the_band() -> None:
    write_band("toy", _table({0: 0.30, 1: 0.32, 2: 0.0}, diverged=(2,)))
    rows = compare_with_band("toy", _table({0: 0.30, 1: 0.32, 2: 0.0}, diverged=(2,)))
    assert [row.mean for row in rows] == pytest.approx([0.31, 0.31])
    assert all(row.inside and row.low > 0.2 for row in rows)


def test_only_failed_runs_are_outside() -> None:
    write_band("toy", _table({0: 0.30}))
    assert not any(row.inside for row in compare_with_band("toy", _table({0: 0.0}, diverged=(0,))))


def test_no_band_says_how_to_make_one() -> None:
    with pytest.raises(InputError, match="--write"):
        compare_with_band("nobody", _table({0: 0.3}))
