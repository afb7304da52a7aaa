"""A finished run's EMA weights in half precision beside its record: small enough to ship as start weights."""

from pathlib import Path
from typing import Any

from labeldistill.config.run_files import RECORD
from labeldistill.errors import InputError
from labeldistill.files import file_sha256
from labeldistill.records.run_record import read_record, write_record
from labeldistill.training.recipe import GEOMETRY
from labeldistill.training.verified_weights import refuse_not_finite
from labeldistill.training.weights_file import read_weights, weights_path, write_weights

HALF = "weights-half.safetensors"


def shrink_weights(run_folder: Path, out: Path, part: str = "") -> dict[str, Any]:
    """Write the EMA weights of a finished run, or one part of them, in half precision, with the run's record.

    The copy of the record names the written file with its SHA-256, so that it is verified whenever it is read, and
    under `extra` the hash of the file it was made from.

    Args:
        run_folder: folder of the run.
        out: folder to write into.
        part: prefix of the names to keep, without the last dot; empty: everything.

    Returns:
        Number of tensors and of values, bytes of the file.

    Raises:
        InputError: no finished run, weights that are not those in its record, no such part.
    """
    record = read_record(run_folder / RECORD)
    if record["status"] != "finished":
        raise InputError(f"this run {record['status']}", file=run_folder / RECORD, key="status")
    source = weights_path(run_folder, "ema")
    state, about = read_weights(source, run_key=record["run_key"])
    kept = {name: value for name, value in state.items() if not part or name.startswith(f"{part}.")}
    kept = {name: value for name, value in kept.items() if name.rpartition(".")[2] not in GEOMETRY}
    if not kept:
        raise InputError(f"has no part of that name; the first name is {next(iter(state))}", file=source, key=part)
    small = {name: value.half() if value.is_floating_point() else value for name, value in kept.items()}
    refuse_not_finite(small, source)  # half precision ends at 65,504
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out / HALF, small, {**about, "part": part, "precision": "half"})
    record["extra"] |= {"shrunk": {"from": file_sha256(source), "part": part, "precision": "half"}}
    record["weights"] = {**record["weights"], "ema": {"file": HALF, "sha256": file_sha256(out / HALF)}}
    write_record(out / RECORD, record)
    values = sum(value.numel() for value in small.values())
    return {"tensors": len(small), "values": values, "bytes": (out / HALF).stat().st_size}
