"""Published claims as data, read from workflow/claims: values, source and confidence of each."""

from math import isfinite
from pathlib import Path
from statistics import stdev
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from labeldistill.config.base import Name
from labeldistill.config.load import studies_folder
from labeldistill.config.metrics import HEADLINE, METRICS, Metric
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError


class Reference(BaseModel):
    """The reference study that a claim's numbers belong to, `workflow/claims/references/<study>.yaml`, and its unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str
    unit: str


class Claim(BaseModel):
    """One published claim. A file gives values as `mAP: 45.1` and claimed gains as `delta_mAP: 5.1`.

    Attributes:
        values: claimed value per metric, in the units of `config.metrics`.
        gains: claimed gain over the paper's own baseline per headline metric, in the same units.
        reference: the complete configuration behind the numbers; without it, no study can be compared with the claim.
        configuration_confidence: how reliable that configuration is.
        weights: kind of weights that were scored. sensor: input of the detector.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: Name
    what: str
    split: str | None = None
    values: dict[Metric, float] = {}
    gains: dict[Metric, float] = {}
    per_class_AP: dict[str, float] = {}
    source: str
    confidence: Literal["primary", "quoted", "secondary", "inferred"]
    reference: Reference | None = None
    configuration_confidence: Literal["primary", "quoted", "secondary", "inferred"] | None = None
    weights: Literal["ema", "raw"] = "ema"
    sensor: Literal["camera", "lidar"] = "camera"
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _by_metric(cls, tree: Any) -> Any:
        """Collect the metrics, which are separate keys in the file."""
        if not isinstance(tree, dict):
            return tree
        kinds = {"values": {name: name for name in METRICS}, "gains": {f"delta_{name}": name for name in HEADLINE}}
        found = {
            kind: {name: tree[key] for key, name in keys.items() if tree.get(key) is not None}
            for kind, keys in kinds.items()
        }
        rest = {key: value for key, value in tree.items() if not any(key in keys for keys in kinds.values())}
        return {**found, **rest}

    @model_validator(mode="after")
    def _one_kind(self) -> "Claim":
        for metric in self.gains:
            if metric in self.values:
                raise ValueError(f"a value and a gain in {metric}: less each other they would pass for a baseline")
        return self

    def delta(self, metric: str) -> float | None:
        """The claimed gain over the paper's own baseline in a headline metric, points; None if not claimed."""
        return self.gains.get(metric)

    def value(self, metric: str) -> float | None:
        """The claimed value of a metric in the units of records (`mAP` and `NDS` as fractions); None if not claimed."""
        claimed = self.values.get(metric)
        return None if claimed is None else claimed / METRICS[metric].scale


def claims_file() -> Path:
    """The file of the paper's claims, beside the studies."""
    return studies_folder().parent / "claims" / "labeldistill.yaml"


def reference_file(study: str, claims: Path | None = None) -> Path:
    """Path of a reference study, in the folder `references` beside the file of claims."""
    return (claims or claims_file()).parent / "references" / f"{study}.yaml"


def claims_tree(file: Path) -> dict[str, Any]:
    """The whole file of claims as YAML reads it.

    Raises:
        InputError: no such file, not YAML, or without a list of claims.
    """
    tree = read_yaml(file)
    if not isinstance(tree, dict) or not isinstance(tree.get("claims"), list):
        raise InputError("holds no list of claims", file=file, key="claims")
    return tree


def _claim(entry: Any, number: int, file: Path) -> Claim:
    try:
        return Claim.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        name = entry.get("id", number) if isinstance(entry, dict) else number
        key = ".".join(map(str, ("claims", name, *problem["loc"])))
        raise InputError(problem["msg"].removeprefix("Value error, "), file=file, key=key) from error


def load_claims(file: Path | None = None) -> dict[str, Claim]:
    """Every claim by id.

    Raises:
        InputError: no such file, or a claim with a missing, unknown or repeated entry.
    """
    file = file or claims_file()
    claims = [_claim(entry, number, file) for number, entry in enumerate(claims_tree(file)["claims"])]
    by_id = {claim.id: claim for claim in claims}
    if len(by_id) != len(claims):
        raise InputError("an id appears twice", file=file, key="claims.id")
    for claim in claims:
        if claim.reference and not (study := reference_file(claim.reference.study, file)).is_file():
            key = f"claims.{claim.id}.reference.study"
            raise InputError(f"there is no reference study {study}", file=file, key=key)
    return by_id


def known_spreads(metric: str, file: Path | None = None) -> list[tuple[str, int, float]]:
    """Spreads between equal runs that others measured in mAP or NDS: (what and source, runs, sd in points).

    Only lists of single runs count: a range or an opinion is not a standard deviation.

    Raises:
        InputError: an entry that is no mapping with `what` and `source`, or a run that is no finite number.
    """
    file = file or claims_file()
    found: list[tuple[str, int, float]] = []
    for number, entry in enumerate(claims_tree(file).get("spread") or []):
        if not isinstance(entry, dict) or not {"what", "source"} <= set(entry):
            raise InputError("says what was run and gives its source", file=file, key=f"spread.{number}")
        runs = entry.get(metric)
        if not isinstance(runs, list) or len(runs) < 3:
            continue
        if not all(isinstance(run, int | float) and isfinite(run) for run in runs):
            raise InputError(f"holds finite numbers, got {runs}", file=file, key=f"spread.{number}.{metric}")
        found.append((f"{entry['what']} ({entry['source']})", len(runs), stdev(runs)))
    return found
