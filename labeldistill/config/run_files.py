"""The names of the files in a run's folder and beside its predictions, each defined here and nowhere else."""

from pathlib import Path

RECORD = "record.json"
"""The run record; its presence means that the run finished."""
ADOPTED = "adopted.json"
"""In place of the run record: where an adopted checkpoint comes from."""
INGESTED = "ingested.json"
"""In place of the run record: where an ingested result file comes from."""
REGISTERED = "registered.json"
"""In a study's folder: what was declared before its first score."""

LOCK = ".lock"
"""The process that trains in the folder."""
EVENTS = "events.jsonl"
"""What happened when, one line per event."""
LOSSES = "losses.csv"
"""Every loss of every step; written when the run ends."""
CHECKPOINT = Path("checkpoint") / "state.pt"
"""Everything that an interrupted run resumes from."""
CHECKPOINT_BEFORE = Path("checkpoint") / "state-before.pt"
"""The checkpoint before the last one."""

SCORES = "metrics.json"
"""In a folder of scores; written last."""
REPLICATES = "replicates.parquet"
"""In a folder of scores: the scene-bootstrap replicates that its intervals come from."""


def predictions_path(folder: Path, weights: str) -> Path:
    """Path of a run's predictions with raw or EMA weights; the EMA ones are written last."""
    return folder / f"predictions-{weights}.parquet"
