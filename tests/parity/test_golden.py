"""Every recorded case of the released code at its tolerance, through the code that `labeldistill parity` runs."""

from pathlib import Path

import pytest

from labeldistill.errors import InputError
from labeldistill.parity.case import Case, GoldenFolder, all_cases
from labeldistill.parity.run import run_case, run_cases


@pytest.mark.parametrize("case", all_cases().values(), ids=lambda case: case.name)
def test_recorded_case(case: Case, golden: Path) -> None:
    result = run_case(case, GoldenFolder(golden))
    failures = [c for c in result.comparisons if not c.passed]
    assert result.passed, (result.problem, failures[:10])


def test_every_recorded_file_has_a_case(golden: Path) -> None:
    listed = {line.split("`")[1] for line in (golden / "README.md").read_text().splitlines() if line.startswith("- `")}
    recorded = {file.name for file in golden.iterdir() if file.suffix in {".pt", ".json"}}
    read = {file for case in all_cases().values() for file in case.files}
    assert listed <= recorded
    assert recorded - {"noise_floor.json"} == read


def test_a_damaged_file_is_named(golden: Path, tmp_path: Path) -> None:
    name = "02_distill_adaptor.pt"
    (tmp_path / name).write_bytes((golden / name).read_bytes()[:1000])
    with pytest.raises(InputError, match=name):
        run_cases(tmp_path)


def test_a_file_without_a_case_fails(golden: Path, tmp_path: Path) -> None:
    (tmp_path / "99_unknown.json").write_text("{}")
    assert not run_cases(tmp_path)[0].passed
