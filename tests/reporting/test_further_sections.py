"""Precision over recall, what runs took, and what is unlike the release."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labeldistill.claims.deviations import Effect, load_ledger
from labeldistill.config.load import load_study
from labeldistill.reporting.precision_recall import COLUMNS, precision_recall
from labeldistill.reporting.recipe_table import deviations, effect_words, recipe_section
from labeldistill.reporting.usage_table import usage_table


def _curves(precision: dict[tuple[str, int], float]) -> pd.DataFrame:
    rows = [
        (unit, seed, class_, at, recall, value if class_ == "car" else 0.0)
        for (unit, seed), value in precision.items()
        for class_ in ("car", "bus")
        for at in (0.5, 1.0, 2.0, 4.0)
        for recall in np.linspace(0, 1, 21)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_curves_have_mean_and_range_and_say_what_is_left_out(tmp_path: Path) -> None:
    drawn = precision_recall(_curves({("baseline", 0): 0.4, ("baseline", 1): 0.6, ("full", 0): 0.8}), tmp_path)
    caption = drawn["precision_recall"].caption
    assert "n = 2 runs of each" in caption
    assert caption.endswith("Left out, because no run found one: bus.")
    table = pd.read_csv(tmp_path / "precision_recall.csv")
    assert len(table) == 2 * 2 * 4 * 21
    row = table[(table["unit"] == "baseline") & (table["class"] == "car")].iloc[0]
    assert (row["mean"], row["min"], row["max"], row["n"]) == pytest.approx((0.5, 0.4, 0.6, 2))
    for name in drawn:
        assert {file.suffix for file in tmp_path.glob(f"{name}.*")} == {".svg", ".png", ".csv"}


def _record(unit: str, **usage: Any) -> dict[str, Any]:
    return {"variant": unit, "usage": {"wall_s": 60.0, "cpu_s": 120.0, "gpu_hours": 0.0, "energy_j": None} | usage}


def test_what_runs_took_is_their_mean_and_what_nobody_measured_has_no_column() -> None:
    table = usage_table([_record("full"), _record("full", cpu_s=240.0), _record("teacher")])
    assert table.loc["full"].to_dict() == {"runs": 2, "wall clock (min)": 1, "CPU (min)": 3, "CPU (min), all runs": 6}
    measured = usage_table([_record("full", energy_j=5000.0), _record("teacher")])
    assert measured.loc["full", "energy (kJ)"] == 5
    assert np.isnan(measured.loc["teacher", "energy (kJ), all runs"])  # not measured is not nothing
    assert usage_table([]).empty


def test_a_full_size_study_says_what_differs_and_keeps_every_oddity() -> None:
    study = load_study("paper-r50-3f")
    section = recipe_section(study)
    assert section.unit == "full"
    assert {answer.kind for answer in section.unlike} == {"differs", "assumed"}
    assert [row.switch for row in deviations(study)] == ["label_encoder_eval"]


def test_a_tiny_study_names_the_switches_it_corrects_with_their_measured_effect() -> None:
    rows = {row.switch: row for row in deviations(load_study("smoke"))}
    assert "NDS -8.4 [-21.4, +4.6] points (study deviations, n = 3 seeds)" in rows["head_bias"].effect
    unmeasured = [row for row in load_ledger().switches if row.effect.status != "measured"]
    assert all(effect_words(row.effect).startswith("not mea") for row in unmeasured)
    assert effect_words(Effect(status="not measured yet")) == "not measured yet"
