"""A published value is never exact: its sd is measured, given with a source, or wide."""

from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
import yaml

from labeldistill.claims.claims import load_claims
from labeldistill.claims.noise import published_noise
from labeldistill.config.metrics import METRICS
from labeldistill.errors import InputError

CLAIM = {"id": "a", "what": "x", "mAP": 40.0, "source": "s", "confidence": "primary"}


def _file(folder: Path, noise: Any) -> Path:
    path = folder / f"claims-{abs(hash(str(noise)))}.yaml"
    path.write_text(yaml.safe_dump({"claims": [CLAIM], "noise": noise}))
    return path


def test_every_committed_claim_has_noise_with_a_source() -> None:
    for claim in load_claims().values():
        for metric in METRICS:
            found = published_noise(claim, metric)
            assert found.sd > 0
            assert found.source
    assert published_noise(load_claims()["r50"], "NDS").sd == pytest.approx(stdev([38.1, 39.2, 39.2]))


def test_a_claims_own_noise_comes_before_the_fields_and_unknown_is_wide(tmp_path: Path) -> None:
    noise = {"field": {"mAP": {"sd": 0.4, "source": "f"}}, "a": {"mAP": {"runs": [40.0, 40.2, 40.4], "source": "own"}}}
    file = _file(tmp_path, noise)
    claims = load_claims(file)
    assert published_noise(claims["a"], "mAP", file=file).sd == pytest.approx(0.2)
    assert published_noise(claims["a"], "NDS", file=file).sd == METRICS["NDS"].unmeasured_sd
    other = claims["a"].model_copy(update={"id": "b"})
    assert published_noise(other, "mAP", file=file).sd == 0.4
    assert published_noise(other, "mAP", gain=True, file=file).sd == pytest.approx(0.4 * 2**0.5)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"sd": -1.0, "source": "s"}, "noise.field.mAP.sd"),
        ({"sd": 0.0, "source": "s"}, "noise.field.mAP.sd"),
        ({"sd": float("inf"), "source": "s"}, "noise.field.mAP.sd"),
        ({"runs": [1.0, 2.0], "source": "s"}, "three or more values"),
        ({"runs": [1.0, 2.0, float("inf")], "source": "s"}, "noise.field.mAP.runs.2"),
        ({"sd": True, "source": "s"}, "noise.field.mAP.sd"),
        ({"sd": 1.0}, "noise.field.mAP.source"),
    ],
)
def test_a_wrong_spread_is_named(tmp_path: Path, entry: dict[str, Any], words: str) -> None:
    file = _file(tmp_path, {"field": {"mAP": entry}})
    with pytest.raises(InputError, match=words):
        published_noise(load_claims(file)["a"], "mAP", file=file)


def test_noise_of_an_unknown_claim_is_refused(tmp_path: Path) -> None:
    file = _file(tmp_path, {"nobody": {"mAP": {"sd": 1.0, "source": "s"}}})
    with pytest.raises(InputError, match="no claim `nobody`"):
        published_noise(load_claims(file)["a"], "mAP", file=file)
