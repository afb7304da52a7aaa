"""Running the recorded cases of a folder."""

from dataclasses import dataclass
from pathlib import Path

import torch

from labeldistill.errors import InputError
from labeldistill.parity.case import Case, GoldenFolder, all_cases
from labeldistill.parity.compare import Comparison

# Files in a folder of recordings that are not cases.
_NOT_CASES = {"noise_floor.json"}


@dataclass(frozen=True)
class CaseResult:
    """One case and its comparisons; a case that compared nothing or raised an error has failed."""

    name: str
    comparisons: tuple[Comparison, ...]
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether every comparison is within its limit."""
        return not self.problem and bool(self.comparisons) and all(c.passed for c in self.comparisons)

    @property
    def worst(self) -> Comparison | None:
        """The comparison that used most of its limit; a NaN or a failed exact one comes first."""

        def used(c: Comparison) -> float:
            if c.error != c.error:
                return float("inf")
            return c.error / c.limit if c.limit > 0 else (float("inf") if c.error > 0 else 0.0)

        return max(self.comparisons, key=used, default=None)


def run_case(case: Case, folder: GoldenFolder) -> CaseResult:
    """Run one case; a missing or damaged file or an error in it is a failure with its reason, not a crash."""
    generator = torch.get_rng_state()
    rows: list[Comparison] = []
    try:
        rows.extend(case.compare(folder))
    except InputError:
        raise
    except Exception as error:
        return CaseResult(case.name, tuple(rows), f"{type(error).__name__}: {error}")
    finally:
        torch.set_rng_state(generator)
    return CaseResult(case.name, tuple(rows), "" if rows else "compared nothing")


def run_cases(folder: Path, containing: str | None = None) -> list[CaseResult]:
    """Run every case whose files lie in `folder`; a recorded file that no case reads is a failure.

    Raises:
        InputError: no such folder, no case in it, or a damaged file.
    """
    if not folder.is_dir():
        raise InputError("no such folder", file=folder)
    golden, cases = GoldenFolder(folder), all_cases()
    present = {p.name for p in folder.iterdir() if p.suffix in {".pt", ".json"}} - _NOT_CASES
    chosen = [c for c in cases.values() if set(c.files) <= present and (containing or "") in c.name]
    results = [run_case(case, golden) for case in chosen]
    if containing is None:
        read = {file for case in cases.values() for file in case.files}
        results += [CaseResult(name, (), "no case reads this file") for name in sorted(present - read)]
    if not results:
        raise InputError("holds no recorded case" + (f" named like {containing!r}" if containing else ""), file=folder)
    return sorted(results, key=lambda result: result.name)
