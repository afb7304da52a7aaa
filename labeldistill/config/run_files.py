"""What the files of a run's folder are called, and those beside its predictions: every name has this one owner."""

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
"""Which process trains in the folder."""
EVENTS = "events.jsonl"
"""What happened when, one line per event."""
LOSSES = "losses.csv"
"""Every loss of every step; written when the run ends."""
CHECKPOINT = Path("checkpoint") / "state.pt"
"""All that a killed run goes on from."""
CHECKPOINT_BEFORE = Path("checkpoint") / "state-before.pt"
"""The checkpoint before the last one."""

SCORES = "metrics.json"
"""In a folder of scores; written last."""
REPLICATES = "replicates.parquet"
"""In a folder of scores: the draws of scenes that its intervals come from."""
