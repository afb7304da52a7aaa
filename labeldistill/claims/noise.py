"""The noise of a published number, which is one run of unknown seed, around the mean of its method."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from statistics import stdev
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labeldistill.claims.claims import Claim, claims_file, claims_tree
from labeldistill.config.metrics import METRICS, Metric
from labeldistill.errors import InputError


class Noise(BaseModel):
    """Spread of single runs around their method's mean, measured from equal runs or stated by a source."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    runs: tuple[float, ...] = Field((), strict=False)
    sd: float | None = Field(None, gt=0)
    source: str

    @model_validator(mode="after")
    def _one_of_both(self) -> "Noise":
        if (self.sd is None) == (not self.runs):
            raise ValueError("give either `runs`, the values of equal runs, or `sd`")
        if self.runs and not (len(self.runs) > 2 and stdev(self.runs) > 0):
            raise ValueError("`runs` needs three or more values that are not all equal")
        return self

    @property
    def value(self) -> float:
        """The standard deviation."""
        return self.sd if self.sd is not None else stdev(self.runs)

    @property
    def basis(self) -> str:
        """Its origin in words."""
        return f"{len(self.runs)} runs: {self.source}" if self.runs else self.source


class PublishedNoise(BaseModel):
    """Standard deviation of one published value with its source; the tests of a study take it as known.

    Attributes:
        sd: in points or the metric's unit. source: in words.
        runs: number of runs it was estimated from; None if a source states it or nobody measured it.
    """

    model_config = ConfigDict(frozen=True)

    sd: float
    source: str
    runs: int | None = None


def published_noise(claim: Claim, metric: Metric, *, gain: bool = False, file: Path | None = None) -> PublishedNoise:
    """Noise of a claim's value in points or the metric's unit: its own, else the field's, else a wide default.

    Args:
        claim: the published claim.
        metric: metric of the value.
        gain: whether the value is the claimed gain, a difference of two values.
        file: file of claims, for the field's spread.

    Raises:
        InputError: the file can't be read, or holds a spread that is negative, zero or not finite.
    """
    known = _field_noise(file or claims_file())
    own = known.get((claim.id, metric)) or known.get(("", metric))
    sd = own.value if own else METRICS[metric].unmeasured_sd
    source = own.basis if own else "nobody measured it; a wide default"
    if gain:
        return PublishedNoise(sd=sd * 2**0.5, source=f"of two published values, each {sd:.2g}: {source}")
    return PublishedNoise(sd=sd, source=source, runs=len(own.runs) or None if own else None)


def granted_noise(
    claim: Claim, metric: Metric, declared: Mapping[Metric, float], *, gain: bool = False
) -> PublishedNoise:
    """The noise that a study grants a claim: the claim's own, or a wider one that the study declares.

    Args:
        claim: the published claim.
        metric: metric of the value.
        declared: metric -> standard deviation that the study declares (`verdict.published_sd`).
        gain: whether the value is the claimed gain, a difference of two values.
    """
    known = published_noise(claim, metric, gain=gain)
    wider = declared.get(metric, 0.0)
    return known if wider <= known.sd else PublishedNoise(sd=wider, source="declared by the study")


def _field_noise(file: Path) -> dict[tuple[str, str], Noise]:
    return _read_noise(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _read_noise(file: Path, changed_ns: int) -> dict[tuple[str, str], Noise]:
    """(claim id or "" for every claim, metric) -> noise; `changed_ns` invalidates the cache when the file changes."""
    tree: Any = claims_tree(file).get("noise") or {}
    if not isinstance(tree, dict):
        raise InputError("maps `field` or a claim's id to the noise of each metric", file=file, key="noise")
    ids = {claim.get("id") for claim in claims_tree(file)["claims"]}
    found: dict[tuple[str, str], Noise] = {}
    for name, metrics in tree.items():
        if name != "field" and name not in ids:
            raise InputError(f"no claim `{name}`", file=file, key=f"noise.{name}")
        for metric, entry in (metrics or {}).items():
            found["" if name == "field" else name, metric] = _noise(entry, file, f"noise.{name}.{metric}")
            if metric not in METRICS:
                raise InputError(f"no such metric; known: {', '.join(METRICS)}", file=file, key=f"noise.{name}")
    return found


def _noise(entry: Any, file: Path, key: str) -> Noise:
    try:
        return Noise.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, (key, *problem["loc"])))
        raise InputError(problem["msg"].removeprefix("Value error, "), file=file, key=where) from error
