"""A cheap slice of the fuzzing, every failure that was ever found, and that no pickle is loaded."""

import random
import re
from pathlib import Path

import pytest
from fuzzing import Target, attacked, mutated, targets

PACKAGE = Path(__file__).resolve().parents[2] / "labeldistill"
CORPUS = Path(__file__).parent / "corpus"
INPUTS = 40
NAMES = (
    "table",
    "results",
    "predictions",
    "study",
    "claims",
    "record",
    "checkpoint",
    "released",
    "weights",
    "image",
    "cloud",
)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    found = targets(tmp_path_factory.mktemp("fuzz") / "sound")
    assert tuple(found) == NAMES
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_reads_or_says_what_is_wrong(name: str, every: dict[str, Target], tmp_path: Path) -> None:
    found = {
        what for n in range(INPUTS) if (what := attacked(every[name], mutated(every[name], random.Random(n)), tmp_path))
    }
    assert not found
    assert sorted(p.relative_to(tmp_path).parts[0] for p in tmp_path.iterdir())  # it was there that it wrote


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*-*")), ids=lambda file: file.name)
def test_what_once_failed_does_not_fail_again(file: Path, every: dict[str, Target], tmp_path: Path) -> None:
    assert attacked(every[file.name.rpartition("-")[0]], file.read_bytes(), tmp_path) == ""


def test_no_pickle_is_ever_loaded() -> None:
    bad = []
    for file in sorted(PACKAGE.rglob("*.py")):
        text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', file.read_text())  # a recipe in a message is no call
        for call in re.finditer(r"\b(?:torch|np|numpy)\.load\(([^)]*)\)", text):
            safe = "weights_only=True" if "torch" in call[0] else "allow_pickle=False"
            if safe not in call[0]:
                bad.append(f"{file.name}: {call[0]}")
        bad += [
            f"{file.name}: {call[0]}" for call in re.finditer(r"\b(?:pickle|dill|joblib)\.loads?\(|read_pickle\(", text)
        ]
    assert bad == []
