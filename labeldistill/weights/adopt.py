"""Adopting a checkpoint: weights trained elsewhere become a run of a study and are scored like any other."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeldistill.config.methods import STAGES
from labeldistill.config.run_files import ADOPTED
from labeldistill.config.study import RunSettings
from labeldistill.errors import InputError
from labeldistill.files import file_sha256, write_json
from labeldistill.records.provenance import code_provenance
from labeldistill.study.adopted import AdoptedRun, adopted_key, adopted_under
from labeldistill.study.plan import StudyPlan
from labeldistill.study.run_key import digest, hashed_settings
from labeldistill.training.recipe import GEOMETRY, UNUSED, build_model
from labeldistill.training.weights_file import weights_path, write_weights
from labeldistill.weights.checkpoint_file import Checkpoint, read_checkpoint
from labeldistill.weights.convert import Match, ours
from labeldistill.weights.expected import expected_of_run
from labeldistill.weights.import_weights import known_kind, matched
from labeldistill.weights.imported_file import tensors_hash
from labeldistill.weights.key_map import Kind
from labeldistill.weights.layouts import Layout
from labeldistill.weights.not_a_checkpoint import check_hash_in_name
from labeldistill.weights.weight_sets import WeightsName

KINDS = {
    "student": (Kind.labeldistill, Kind.bevdepth),
    "teacher": (Kind.centerpoint, Kind.mmdet3d_centerpoint),
}
"""Kinds of checkpoints that may hold what a stage trains; a student's names are ours in both of its kinds."""
UNSAID: WeightsName = "ema"
"""Default kind of weights if neither file nor user says: the released files come from its EMA callback."""


def adopt(
    plan: StudyPlan,
    file: Path,
    unit: str,
    *,
    seed: int = 0,
    which: WeightsName | None = None,
    layout: Layout | None = None,
    source: str = "",
) -> dict[str, Any]:
    """Adopt a released or foreign checkpoint into a study, strictly.

    Written: `<results>/<study>/<unit>/seed-<seed>/adopted-<key>/` with `weights-<raw or ema>.safetensors` and
    `adopted.json`; the folder is created whole or not at all.

    Args:
        plan: plan of the study; its data need not exist.
        file: the checkpoint.
        unit: a variant, or `teacher`.
        seed: a number that distinguishes several checkpoints of one unit.
        which: raw or EMA weights; needed if the file has both, or to name the only ones of a file that does not
            say.
        layout: layout of sparse weights; None determines it from their shapes.
        source: origin of the file in words.

    Returns:
        The record.

    Raises:
        InputError: not a checkpoint; of another model, depth or geometry; raw and EMA weights without a choice; NaN;
            a hash that does not fit the file's name; adopted before. Nothing is written.
    """
    run = _settings(plan, unit, seed)
    checkpoint = read_checkpoint(file, which)
    sha256 = file_sha256(file)
    check_hash_in_name(file, sha256)
    weights = checkpoint.weights or which or UNSAID
    key = adopted_key(sha256, weights)
    folder = plan.folder / unit / f"seed-{seed}" / key
    found = _fitting(checkpoint, run, f"{unit} of study {plan.study.name}", layout)
    _refuse_taken(plan, file, AdoptedRun(unit, seed, weights, key, folder, {"sha256": sha256}))
    tensors = ours(checkpoint.state, found)
    _refuse_not_finite(checkpoint, tensors)
    detecting = {
        name: value for name, value in tensors.items() if not name.startswith((*STAGES[run.stage].frozen, UNUSED))
    }
    _check_geometry(checkpoint, run, detecting)
    record = {
        "study": plan.study.name,
        "variant": unit,
        "stage": run.stage,
        "seed": seed,
        "weights": weights,
        "weights_named_by": "the file" if checkpoint.weights else "the user" if which else "nobody",
        "run_key": key,
        "source": source,
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": sha256,
        "container": {"entry": checkpoint.container.entry, "prefix": checkpoint.container.prefix},
        "notes": [checkpoint.note] if checkpoint.note else [],
        **_content(tensors, detecting, found),
        "settings_hash": digest(hashed_settings(run)),
        "code": code_provenance(),
        "adopted": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    about = {"run_key": key, "stage": run.stage, "seed": seed, "status": "finished", "weights": weights}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".adopt-") as temporary:
        whole = Path(temporary) / "whole"
        about |= {"settings": run.model_dump(mode="json"), "adopted": {"file": file.name, "sha256": sha256}}
        written = weights_path(whole, weights)
        write_weights(written, detecting, about)
        record["weights_files"] = {weights: {"file": written.name, "sha256": file_sha256(written)}}
        write_json(whole / ADOPTED, record)
        whole.rename(folder)
    return record


def _settings(plan: StudyPlan, unit: str, seed: int) -> RunSettings:
    units = ("teacher", *plan.study.variants)
    if unit not in units:
        raise InputError(f"study {plan.study.name} has no such variant; known: {', '.join(units)}", key=unit)
    return plan.adoptable(unit, seed)


def _refuse_taken(plan: StudyPlan, file: Path, new: AdoptedRun) -> None:
    """Refuse this file if adopted under any seed or name, and other weights in the same place."""
    for run in adopted_under(plan.folder, (new.unit,)):
        one_set = run.record.get("weights_named_by") != "the file"
        if run.record["sha256"] == new.record["sha256"] and (run.weights == new.weights or one_set):
            raise InputError(f"was adopted before as {run.folder} ({run.weights} weights)", file=file)
        if (run.seed, run.weights) == (new.seed, new.weights):
            raise InputError(
                f"{new.unit} seed {new.seed} has adopted {new.weights} weights already ({run.folder}); give this file "
                "another seed",
                file=file,
                key="--seed",
            )


def _fitting(checkpoint: Checkpoint, run: RunSettings, model: str, layout: Layout | None) -> Match:
    kind = known_kind(checkpoint)
    allowed = KINDS[run.stage]
    if kind not in allowed:
        raise InputError(
            f"is a {kind} checkpoint; {model} takes {' or '.join(allowed)}",
            file=checkpoint.file,
            key=next(iter(checkpoint.state)),
        )
    kind = Kind.labeldistill if run.stage == "student" else kind
    return matched(checkpoint, kind, [expected_of_run(run, model)], layout)


def _refuse_not_finite(checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    bad = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        count = int((~torch.isfinite(tensors[bad[0]])).sum())
        raise InputError(
            f"{count} of {tensors[bad[0]].numel()} values are NaN or infinite ({len(bad)} tensors in all): these "
            "weights diverged or the file is damaged",
            file=checkpoint.file,
            key=bad[0],
        )


def _check_geometry(checkpoint: Checkpoint, run: RunSettings, tensors: dict[str, Tensor]) -> None:
    """Refuse other geometry: loaded buffers replace the study's, so the file would silently detect on its own grid."""
    own = build_model(run, inference=True).state_dict()
    for name, value in tensors.items():
        if name.endswith(GEOMETRY) and not torch.allclose(value.double(), own[name].double(), rtol=1e-3, atol=1e-2):
            raise InputError(
                "the checkpoint was made for another image, depth range or BEV grid than this study's: its values "
                f"span {value.min():g} to {value.max():g}, here {own[name].min():g} to {own[name].max():g}",
                file=checkpoint.file,
                key=name,
            )


def _content(tensors: dict[str, Tensor], detecting: dict[str, Tensor], found: Match) -> dict[str, Any]:
    """The parts of the file that were used, and the hash of each part that only training uses."""
    rest = {name: value for name, value in tensors.items() if name not in detecting}
    parts = sorted({name.partition(".")[0] for name in rest})
    of_part = {part: {n: v for n, v in rest.items() if n.startswith(f"{part}.")} for part in parts}
    return {
        "tensors": len(detecting),
        "values": sum(value.numel() for value in detecting.values()),
        "hash": tensors_hash(detecting),
        "sparse_layout": None if found.layout is None else found.layout.value,
        "left_out": {part: {"tensors": len(held), "hash": tensors_hash(held)} for part, held in of_part.items()},
    }
