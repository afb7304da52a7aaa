"""The run record: one JSON file per run, following the schema in workflow/schemas."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeldistill.config.run_files import RECORD
from labeldistill.errors import InputError
from labeldistill.files import read_json, write_json
from labeldistill.records.provenance import REPOSITORY, code_provenance, data_provenance
from labeldistill.study.run_key import digest, hashed_settings

if TYPE_CHECKING:
    import jsonschema

    from labeldistill.training.job import LocatedRun, Outcome

SCHEMA_VERSION = 1
_PARTS = ("run_record", "run_machine", "run_data", "run_training")
SCHEMAS = tuple(REPOSITORY / "workflow" / "schemas" / f"{part}.schema.json" for part in _PARTS)
"""Files of the published schema: the record's first, then those that it refers to."""


@cache
def validator() -> "jsonschema.Draft202012Validator":
    """A validator for the published schema.

    Raises:
        InputError: the repository's workflow folder is not beside the package.
    """
    import jsonschema  # what has no record to read does not wait for it
    from referencing import Registry, Resource

    whole, *parts = (read_json(file) for file in SCHEMAS)
    resources = ((part["$id"], Resource.from_contents(part)) for part in parts)
    return jsonschema.Draft202012Validator(whole, registry=Registry().with_resources(resources))


def build_record(
    run: "LocatedRun",
    outcome: "Outcome",
    *,
    study: str,
    variant: str,
    parents: dict[str, str],
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the record of a run that ended.

    Args:
        run: settings, key and index of the run.
        outcome: how the training loop ended.
        study: name of the study.
        variant: `teacher`, `label-encoder` or the variant.
        parents: role -> key of each run whose weights it read.
        extra: anything else, stored under `extra`.

    Raises:
        InputError: the index is missing, or the record would not follow its schema.
    """
    from labeldistill.records.environment import environment  # imports torch, which is not needed to read a record

    length, settings = outcome.length, run.settings
    record = {
        "schema_version": SCHEMA_VERSION,
        "run_key": run.key,
        "study": study,
        "variant": variant,
        "stage": settings.stage,
        "seed": settings.seed,
        "status": outcome.status,
        "reason": outcome.reason,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings.model_dump(mode="json"),
        "settings_hash": digest(hashed_settings(settings)),
        "switches": settings.switches,
        "code": code_provenance(),
        "environment": {**environment(), "hosts": outcome.device["hosts"]},
        "data": {
            **data_provenance(run.infos),
            "training_samples": length.samples,
            "key_frame_offsets": list(settings.student.frame_offsets) if settings.student else [0],
        },
        "optimisation": {
            **outcome.optimisation,
            "steps": length.steps,
            "steps_done": outcome.steps_done,
            "epochs": length.epochs,
            "steps_per_epoch": length.steps_per_epoch,
            "global_batch": length.batch,
            "batch_per_device": length.batch_per_device,
            "accumulation": length.accumulation,
            "effective_lr": settings.training.lr,
        },
        "device": outcome.device,
        "losses": outcome.losses,
        "frozen": outcome.frozen,
        "parents": parents,
        "weights": outcome.weights,
        "usage": outcome.usage,
        "warnings": outcome.warnings,
        "extra": extra or {},
    }
    check_record(record, Path(RECORD))
    return record


def check_record(record: Any, file: Path) -> None:
    """Check a record against the schema.

    Raises:
        InputError: names the file and the key.
    """
    if not isinstance(record, dict) or "schema_version" not in record:
        raise InputError("is not a run record", file=file, key="schema_version")
    version = record["schema_version"]
    if version != SCHEMA_VERSION:
        raise InputError(
            f"was written under schema {version}, this code reads {SCHEMA_VERSION}; use the code that wrote it",
            file=file,
            key="schema_version",
        )
    first = min(validator().iter_errors(record), key=lambda error: (len(error.path), str(error.path)), default=None)
    if first is not None:
        key = ".".join(str(part) for part in first.path)
        raise InputError(first.message[:300], file=file, key=key or None)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Check and write a record, whole or not at all.

    Raises:
        InputError: it does not follow the schema, or the disk is full.
    """
    check_record(record, path)
    write_json(path, record)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises:
        InputError: missing, not JSON, of another schema version, or with a key that the schema refuses.
    """
    record = read_json(path)
    check_record(record, path)
    found: dict[str, Any] = record
    return found
