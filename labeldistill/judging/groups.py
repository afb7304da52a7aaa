"""Several result files against several others: the comparison of a study's variants, without a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from labeldistill.compare.diff_measured import Measured
from labeldistill.compare.diff_rows import DiffOptions, DiffRow, judged, row_json
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.verdict import LEAST_CONFIDENCE
from labeldistill.errors import InputError
from labeldistill.evaluation.metrics import OVERALL
from labeldistill.evaluation.same_boxes import MOST_SHARED, shared_boxes
from labeldistill.judging.judge import ScoredFile, score_file
from labeldistill.judging.which_split import Place


@dataclass(frozen=True)
class Groups:
    """Two groups of files on one split, and what the difference of their means is.

    Attributes:
        ours, theirs: every file with its scores, in the given order.
        paired: whether the i-th files of both sides share what they were started from.
        confidence: of the intervals.
        rows: ours minus theirs, one per headline metric, corrected as one family.
    """

    ours: list[ScoredFile]
    theirs: list[ScoredFile]
    paired: bool
    confidence: float
    rows: list[DiffRow]

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        scores = {
            side: [{"file": str(each.file), **_scores(each)} for each in files]
            for side, files in (("ours", self.ours), ("theirs", self.theirs))
        }
        first = self.ours[0]
        rows = [{k: v for k, v in row_json(row).items() if k not in ("study", "variant", "lost")} for row in self.rows]
        return {
            "version": first.version,
            "split": first.split,
            "paired": self.paired,
            "confidence": self.confidence,
            **scores,
            "rows": rows,
        }


def compare_files(
    ours: Sequence[Path], theirs: Sequence[Path], place: Place, *, paired: bool = False, confidence: float = 0.95
) -> Groups:
    """Score all files on one split and test the difference of the means.

    Args:
        ours, theirs: result files, one per run.
        place: where they are scored.
        paired: compare the i-th with the i-th, for runs that share a seed; otherwise Welch's test of the groups.
        confidence: of the intervals; the rest is the error rate of mAP and NDS together.

    Raises:
        InputError: bad content, files of several splits, the same run twice, sides of different length where paired.
    """
    if not ours or not theirs:
        raise InputError("needs files after both --ours and --theirs", key="--ours" if theirs else "--theirs")
    if not LEAST_CONFIDENCE < confidence < 1:
        raise InputError(f"must be above {LEAST_CONFIDENCE:g} and below 1, got {confidence}", key="--confidence")
    if paired and len(ours) != len(theirs):
        raise InputError(f"{len(ours)} files of ours have no {len(theirs)} partners of theirs", key="--paired")
    done = [score_file(file, place) for file in (*ours, *theirs)]
    _check(done)
    mine, others = done[: len(ours)], done[len(ours) :]
    measured = [_measured(metric, mine, others) for metric in HEADLINE]
    rows = judged(measured, DiffOptions(confidence=confidence, unpaired=not paired))
    return Groups(mine, others, paired, confidence, rows)


def _check(done: list[ScoredFile]) -> None:
    for one, other in combinations(done, 2):
        if (one.version, one.split) != (other.version, other.split):
            raise InputError(f"covers {other.split}, but {one.file} covers {one.split}", file=other.file, key="results")
        if (share := shared_boxes(one.predictions, other.predictions)) > MOST_SHARED:
            raise InputError(
                f"has {share:.1%} of its boxes in common with {one.file}: this is the same run, not another training",
                file=other.file,
            )


def _measured(metric: str, ours: list[ScoredFile], theirs: list[ScoredFile]) -> Measured:
    a, b = ({index: _scores(each)[metric] for index, each in enumerate(side)} for side in (theirs, ours))
    return Measured("", "ours", metric, METRICS[metric].unit, a, b)


def _scores(done: ScoredFile) -> dict[str, float]:
    """Every overall metric in points or its unit."""
    return {name: spec.scale * float(OVERALL[name](done.result.metrics)) for name, spec in METRICS.items()}
