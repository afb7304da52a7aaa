"""A result file read once: its columns are kept under its checksum, so that a second look takes seconds."""

from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.evaluation.prediction_checks import check_columns
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import read_results
from labeldistill.nuscenes.checksums import Checksums

_FORMAT = 1


def read_file(file: Path, cache: Path | None) -> Predictions:
    """Predictions of an official .json or of our Parquet, of whatever samples it has.

    Raises:
        InputError: bad content; scores that can't be probabilities are named as what they seem to be.
    """
    found = _read_json(file, cache) if file.suffix == ".json" else Predictions.read(file)
    refuse_impossible_scores(found, file)
    check_columns(found, file)
    return found


def _read_json(file: Path, cache: Path | None) -> Predictions:
    if not file.is_file():
        raise InputError("no such file", file=file)
    if cache is None:
        return read_results(file)
    sums = Checksums(cache)
    copy = cache / f"results-{_FORMAT}-{sums.sha256(file)[:40]}.parquet"
    sums.save()
    if copy.is_file():
        try:
            return Predictions.read(copy)
        except InputError:  # a damaged copy is replaced
            copy.unlink()
    found = read_results(file)
    found.write(copy)
    return found


def refuse_impossible_scores(found: Predictions, file: Path) -> None:
    """Name scores outside 0..1 as percent or logits; the devkit can score neither.

    Raises:
        InputError: with the range and what to do.
    """
    outside = (found.score < 0) | (found.score > 1)
    if set(found.label[outside].tolist()) != set(found.label.tolist()):
        return  # nothing is outside, or single classes are: `check_columns` names those
    low, high = float(found.score.min(initial=0)), float(found.score.max(initial=0))
    if not outside.any():
        return
    if low >= 0 and high <= 100:
        what = "scores are percent: divide them by 100"
    elif low < 0 and high < 100:
        what = "scores are logits: apply the sigmoid"
    else:
        what = "scores are neither probabilities nor percent nor logits"
    message = f"{what}; they run from {low:.4g} to {high:.4g}, and the devkit scores 0..1 alone"
    raise InputError(message, file=file, key="detection_score")
