"""A study's committed reference scores, and the band in which a rerun of unchanged code falls."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy import special

from labeldistill.config.load import studies_folder
from labeldistill.config.metrics import HEADLINE
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError
from labeldistill.files import write_text
from labeldistill.statistics.summary import Summary, summarise
from labeldistill.study.apart import APART, is_apart, label

FALSE_ALARMS = 0.05
"""Share of checks of unchanged code in which any gate fails."""


class Reference(BaseModel):
    """Reference scores of one unit and metric (EMA weights, fractions)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    n: int = Field(ge=1)
    failed: int = Field(0, ge=0)
    mean: float
    sd: float | None = Field(None, ge=0)
    """Standard deviation between seeds; None for a single run."""


@dataclass(frozen=True)
class BandRow:
    """One unit's mean against its band; fractions.

    Attributes:
        low, high: bounds of the band; NaN without one.
        mean: current mean over `n` runs. reason: why there is no gate or why it fails; empty if the mean is inside.
        gate: whether the row can fail.
    """

    unit: str
    metric: str
    low: float
    high: float
    mean: float
    n: int
    gate: bool
    reason: str = ""

    @property
    def inside(self) -> bool:
        """Whether the row does not fail; a row without a gate never fails."""
        return self.gate and not self.reason


def band_file(study: str) -> Path:
    """Path of the committed reference of `study`."""
    return studies_folder().parent / "references" / f"{study}.yaml"


def _summary(table: pd.DataFrame, unit: str, metric: str) -> Summary:
    """EMA scores of a unit's runs: a diverged run's zeros are not a score."""
    rows = table[(table["variant"] == unit) & table["metric"].isin([metric, "none"]) & (table["class"] == "all")]
    rows = rows[rows["weights"].isin(["ema", "-"])].drop_duplicates(["seed"])
    return summarise(
        [value if ok else float("nan") for value, ok in zip(rows["value"], rows["status"] == "finished", strict=True)]
    )


def write_band(study: str, table: pd.DataFrame) -> Path:
    """Write the reference of a study from its gathered table: number, mean and sd of every unit's own runs."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for unit in (unit for unit in dict.fromkeys(table["variant"]) if not is_apart(unit)):
        for metric in HEADLINE:
            summary = _summary(table, unit, metric)
            if summary.n:
                sd = round(summary.sd, 6) if summary.n > 1 else None
                reference = Reference(n=summary.n, failed=summary.failed, mean=round(summary.mean, 6), sd=sd)
                found.setdefault(unit, {})[metric] = reference.model_dump(exclude_defaults=True)
    file = band_file(study)
    note = f"# Scores over seeds (EMA weights, fractions). Made by: labeldistill check {study} --write\n"
    write_text(file, note + yaml.safe_dump(found, sort_keys=False, default_flow_style=None))
    return file


def _references(file: Path, study: str) -> dict[str, dict[str, Reference]]:
    if not file.is_file():
        raise InputError(f"study {study} has no reference; write one with --write", file=file)
    try:
        return {u: {m: Reference.model_validate(r) for m, r in of.items()} for u, of in read_yaml(file).items()}
    except (AttributeError, ValidationError) as error:
        raise InputError(
            f"is not a reference of this form; write it again with --write ({error})", file=file
        ) from error


def compare_with_band(study: str, table: pd.DataFrame) -> list[BandRow]:
    """The mean of each unit and its band; ingested and adopted runs of a unit have their own row.

    The band is that of the mean of m further runs after n: mean +- t s sqrt(1/n + 1/m), at a level at which all
    gates together fail for unchanged code in at most FALSE_ALARMS of checks (Bonferroni). It assumes exchangeable
    seeds and the measured spread; a rerun of the same seeds differs by less. There is no gate for a single run, whose
    spread is unknown, nor for a band that contains 0, which a model that finds nothing would pass.

    Raises:
        InputError: the study has no committed reference, or one of another form.
    """
    references = _references(band_file(study), study)
    there = set(table["variant"])
    own = not all(map(is_apart, there))  # without own runs, only ingested and adopted ones are compared
    asked = [
        (name, metric, reference)
        for unit, metrics in references.items()
        for name in (unit, *(label(unit, origin) for origin in APART))
        if name in there or (own and name == unit)
        for metric, reference in metrics.items()
    ]
    gates = max(1, sum(reference.sd is not None for _, _, reference in asked))
    rows = [_row(name, metric, _summary(table, name, metric), reference, gates) for name, metric, reference in asked]
    return rows + _unknown(table, references)


def _unknown(table: pd.DataFrame, references: dict[str, dict[str, Reference]]) -> list[BandRow]:
    """A failing row for each score of the study that the reference does not know: a unit left out is no unit passed."""
    found: list[BandRow] = []
    for unit in (unit for unit in dict.fromkeys(table["variant"]) if not is_apart(unit)):
        for metric in (metric for metric in HEADLINE if metric not in references.get(unit, {})):
            now = _summary(table, unit, metric)
            if now.n:
                about = unit, metric, float("nan"), float("nan"), now.mean, now.n
                found.append(BandRow(*about, gate=True, reason="not in the reference; --write it again"))
    return found


def _row(unit: str, metric: str, now: Summary, reference: Reference, gates: int) -> BandRow:
    nothing = float("nan"), float("nan"), now.mean, now.n
    if reference.sd is None or reference.n < 2:
        return BandRow(unit, metric, *nothing, gate=False, reason="no gate: the reference is a single run")
    runs = max(1, now.n)
    t = float(special.stdtrit(reference.n - 1, 1 - FALSE_ALARMS / (2 * gates)))
    half = t * reference.sd * (1 / reference.n + 1 / runs) ** 0.5
    low, high = reference.mean - half, reference.mean + half
    about = unit, metric, low, high, now.mean, now.n
    if low <= 0:
        return BandRow(*about, gate=False, reason="no gate: the band contains 0")
    if now.failed > reference.failed:
        return BandRow(*about, gate=True, reason=f"{now.failed} of {now.n + now.failed} runs have no score")
    if not (isfinite(now.mean) and low <= now.mean <= high):
        return BandRow(*about, gate=True, reason="OUTSIDE")
    return BandRow(*about, gate=True)
