"""Published claims as data: values, source and confidence of each, read from workflow/claims."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from labeldistill.config.load import studies_folder
from labeldistill.errors import InputError

METRICS = ("mAP", "NDS", "mATE", "mASE", "mAOE", "mAVE", "mAAE")
POINTS = ("mAP", "NDS")
"""Metrics that claims give in points (0-100) while records hold fractions."""


class Claim(BaseModel):
    """One published claim. Values are in points for mAP and NDS, in nuScenes' units for the TP errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    what: str
    split: str | None = None
    mAP: float | None = None
    NDS: float | None = None
    mATE: float | None = None
    mASE: float | None = None
    mAOE: float | None = None
    mAVE: float | None = None
    mAAE: float | None = None
    delta_mAP: float | None = None
    delta_NDS: float | None = None
    per_class_AP: dict[str, float] = {}
    source: str
    confidence: Literal["primary", "quoted", "secondary", "inferred"]
    configuration: dict[str, Any] = {}
    configuration_confidence: str | None = None
    note: str = ""

    def value(self, metric: str) -> float | None:
        """The claimed value of `mAP`, `NDS` (fractions, as records hold them) or a TP error; None where not claimed."""
        claimed: float | None = getattr(self, metric)
        return claimed / 100 if claimed is not None and metric in POINTS else claimed


def claims_file() -> Path:
    """The file of the paper's claims, beside the studies."""
    return studies_folder().parent / "claims" / "labeldistill.yaml"


def load_claims(file: Path | None = None) -> dict[str, Claim]:
    """Every claim by id.

    Raises:
        InputError: no such file, or a claim with a missing, unknown or repeated entry.
    """
    file = file or claims_file()
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        claims = [Claim.model_validate(entry) for entry in tree["claims"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(f"can't be read as claims ({error})", file=file, key="claims") from error
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(problem["msg"], file=file, key="claims." + ".".join(map(str, problem["loc"]))) from error
    by_id = {claim.id: claim for claim in claims}
    if len(by_id) != len(claims):
        raise InputError("an id stands twice", file=file, key="claims.id")
    return by_id
