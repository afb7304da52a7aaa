"""Two benchmark files side by side: what differs, what is not shown, and files that are none."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.compare.benchmarks import compare_benchmarks
from labeldistill.errors import InputError


def file(folder: Path, name: str, speed: float, **conditions: Any) -> Path:
    unit = {
        "metrics": {"train_samples_per_s": speed, "peak_memory_mb": 100.0, "new" if name == "b" else "old": 1.0},
        "intervals": {"train_samples_per_s": [0.9 * speed, 1.1 * speed]},
        "conditions": {"precision": "32-true", **conditions},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"device": f"device {name}", "units": {"baseline": unit, name: unit}}))
    return path


def test_metrics_of_both_files_are_compared_with_their_intervals(tmp_path: Path) -> None:
    a, b, c = file(tmp_path, "a", 10.0), file(tmp_path, "b", 20.0, precision="16-mixed"), file(tmp_path, "c", 11.0)
    found = compare_benchmarks(a, b)
    assert found.devices == ("device a", "device b")
    assert found.differences == ("baseline: precision 32-true and 16-mixed",)
    rows = {row.metric: row for row in found.rows}
    assert set(rows) == {"train_samples_per_s", "peak_memory_mb"}
    assert (rows["train_samples_per_s"].ratio, rows["train_samples_per_s"].finding) == (2.0, "differs")
    assert rows["peak_memory_mb"].finding == "no interval"
    assert compare_benchmarks(a, c).rows[0].finding == "not shown"


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "lacks the key"), ("[]", "lacks the key"), ('{"device": "d", "units": {}}', "no unit of")]
)
def test_a_file_that_is_no_benchmark_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(InputError, match=said):
        compare_benchmarks(file(tmp_path, "a", 10.0), tmp_path / "other.json")
    with pytest.raises(InputError, match="no such file"):
        compare_benchmarks(tmp_path / "absent.json", tmp_path / "other.json")


def test_the_verb_prints_both_and_refuses_to_guess(tmp_path: Path) -> None:
    a, b = str(file(tmp_path, "a", 10.0)), str(file(tmp_path, "b", 20.0))
    done = CliRunner().invoke(build("benchmark"), ["benchmark", "--compare", a, b])
    assert done.exit_code == 0
    assert "B/A  2.000  differs" in done.output
    done = CliRunner().invoke(build("benchmark"), ["benchmark", "--compare", a, b, "--format", "json"])
    assert json.loads(done.output)["rows"][0]["ratio"] == 2.0
    assert CliRunner().invoke(build("benchmark"), ["benchmark"]).exit_code == 2
