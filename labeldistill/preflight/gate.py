"""What a gate says, and how the findings of its looks become one verdict."""

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """Of a gate; from good to bad."""

    skipped = "SKIPPED"
    passed = "PASS"
    warned = "WARN"
    failed = "FAIL"


_ORDER = tuple(Verdict)


@dataclass(frozen=True)
class Gate:
    """What one gate found.

    Attributes:
        gate: its name.
        verdict: the worst of its looks; SKIPPED where there was nothing to look at.
        figure: what was measured, in words and numbers.
        advice: what to do; empty where nothing is to be done.
    """

    gate: str
    verdict: Verdict
    figure: str
    advice: str

    @property
    def tripped(self) -> bool:
        """Whether it found a fault."""
        return self.verdict in (Verdict.warned, Verdict.failed)


@dataclass
class Looks:
    """Collects what the looks of one gate find; `gate()` sums them up."""

    name: str
    _found: list[tuple[Verdict, str, str]] = field(default_factory=list)

    def passed(self, figure: str) -> None:
        """All is well."""
        self._found.append((Verdict.passed, figure, ""))

    def skipped(self, figure: str, advice: str = "") -> None:
        """There was nothing to look at."""
        self._found.append((Verdict.skipped, figure, advice))

    def warned(self, figure: str, advice: str) -> None:
        """Something that may be meant."""
        self._found.append((Verdict.warned, figure, advice))

    def failed(self, figure: str, advice: str) -> None:
        """A fault."""
        self._found.append((Verdict.failed, figure, advice))

    def judged(self, good: bool, figure: str, advice: str) -> None:
        """PASS or FAIL."""
        self._found.append((Verdict.passed, figure, "") if good else (Verdict.failed, figure, advice))

    def gate(self) -> Gate:
        """One verdict: the worst; what led to it comes first in the figure, and only its advice counts."""
        if not self._found:
            return Gate(self.name, Verdict.skipped, "nothing to look at", "")
        worst = max((verdict for verdict, _, _ in self._found), key=_ORDER.index)
        ordered = sorted(self._found, key=lambda each: -_ORDER.index(each[0]))
        bad = worst in (Verdict.warned, Verdict.failed)
        advice = [advice for verdict, _, advice in ordered if advice and (verdict is worst or not bad)]
        return Gate(self.name, worst, "; ".join(figure for _, figure, _ in ordered), "; ".join(dict.fromkeys(advice)))
