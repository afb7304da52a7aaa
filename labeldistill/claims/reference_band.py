"""A study's committed reference band: where each variant's scores are expected to fall when nothing has changed."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from labeldistill.config.load import studies_folder
from labeldistill.errors import InputError
from labeldistill.files import write_text
from labeldistill.statistics.summary import summarise
from labeldistill.study.apart import APART, is_apart, label

METRICS = ("mAP", "NDS")


@dataclass(frozen=True)
class BandRow:
    """One unit's mean against its band; fractions."""

    unit: str
    metric: str
    low: float
    high: float
    mean: float

    @property
    def inside(self) -> bool:
        """Whether the mean lies in the band (NaN does not)."""
        return bool(self.low <= self.mean <= self.high)


def band_file(study: str) -> Path:
    """Where the band of `study` is committed."""
    return studies_folder().parent / "references" / f"{study}.yaml"


def _mean(table: pd.DataFrame, unit: str, metric: str) -> float:
    return summarise(_values(table, unit, metric)).mean


def _values(table: pd.DataFrame, unit: str, metric: str) -> list[float]:
    """EMA scores of a unit's finished runs: a diverged run's zeros are no score."""
    rows = table[(table["variant"] == unit) & (table["metric"] == metric) & (table["class"] == "all")]
    return list(rows[(rows["weights"] == "ema") & (rows["status"] == "finished")]["value"])


def write_band(study: str, table: pd.DataFrame) -> Path:
    """Write a band from a gathered table: mean over seeds +- the larger of 4 standard errors and 0.02.

    Four standard errors: a rerun with the same seeds on another CPU differs by rounding that training amplifies to
    about the spread between seeds; 0.02 keeps units with one run from a band of no width.
    """
    band: dict[str, dict[str, list[float]]] = {}
    for unit in (unit for unit in dict.fromkeys(table["variant"]) if not is_apart(unit)):
        for metric in METRICS:
            found = summarise(_values(table, unit, metric))
            if found.n == 0:
                continue
            half = max(0.02, 4 * found.sd / found.n**0.5 if found.n > 1 else 0.0)
            bounds = [round(max(0.0, found.mean - half), 4), round(found.mean + half, 4)]
            band.setdefault(unit, {})[metric] = bounds
    file = band_file(study)
    note = f"# Expected mean over seeds (EMA weights, fractions). Made by: labeldistill check {study} --write\n"
    write_text(file, note + yaml.safe_dump(band, sort_keys=False))
    return file


def compare_with_band(study: str, table: pd.DataFrame) -> list[BandRow]:
    """Each unit's mean beside its band; runs from elsewhere have rows of their own.

    Raises:
        InputError: the study has no committed band.
    """
    file = band_file(study)
    if not file.is_file():
        raise InputError(f"study {study} has no reference band; write one with --write", file=file)
    band = yaml.safe_load(file.read_text(encoding="utf-8"))
    there = set(table["variant"])
    own = not all(map(is_apart, there))  # without a run of ours only those from elsewhere are asked about
    return [
        BandRow(name, metric, low, high, _mean(table, name, metric))
        for unit, metrics in band.items()
        for name in (unit, *(label(unit, origin) for origin in APART))
        if name in there or (own and name == unit)
        for metric, (low, high) in metrics.items()
    ]
