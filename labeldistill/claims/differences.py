"""Every setting that changes numbers in which a unit of a study differs from a claim's reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labeldistill.claims.references import same_start, start_weights
from labeldistill.config.methods import parents_of, stage_of
from labeldistill.config.runs import run_settings, with_overrides
from labeldistill.config.study import RunSettings, StudySettings

# Settings of how a run is executed, which of several runs it is, or that are compared elsewhere: see `splits_of`.
_LEFT_OUT = {
    "seed",
    "data.dataroot",
    "training.loader_workers",
    "training.checkpoint_every_steps",
    "training.deterministic",
    "training.batch_per_device",
}
_STARTS = ("student.pretrained_backbone", "student.pretrained", "teacher.pretrained", "label_encoder.pretrained")


@dataclass(frozen=True)
class Difference:
    """A setting of some stages with its values in reference and study; None: no such setting."""

    stages: tuple[str, ...]
    key: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{', '.join(self.stages)}: {self.key} {_plain(self.there)} there, {_plain(self.here)} here"


def _plain(value: Any) -> str:
    return "none" if value is None else str(list(value)) if isinstance(value, tuple) else str(value)


def flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings with dotted keys; a list is one leaf."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, tree


def runs_of(study: StudySettings, unit: str) -> dict[str, RunSettings]:
    """The run of a unit and those of the stages that it learns from, by stage."""
    variant = unit if unit in study.variants else None
    todo, found = [stage_of(unit)], {}
    while todo:
        stage = todo.pop()
        run = run_settings(study, stage, variant, 0)
        found[str(stage)] = run
        todo += [each for each in parents_of(stage, run.needs) if each not in found]
    return found


def splits_of(study: StudySettings) -> dict[str, Any]:
    """The splits for training and scoring; a tuning split does not change numbers."""
    splits = study.data.splits
    return {"train": splits.get("train"), "scored": splits[study.evaluation_split]}


def _settings(study: StudySettings, run: RunSettings) -> dict[str, Any]:
    tree = run.model_dump(mode="json", exclude={"data": {"splits"}})
    found = {key: value for key, value in flat(tree) if key not in _LEFT_OUT}
    found |= {key: start_weights(found[key]) for key in _STARTS if key in found}
    for split, scenes in splits_of(study).items():
        found[f"data.splits ({split})"] = scenes
    devices = study.devices_per_run * study.nodes_per_run
    found["training.batch on one device"] = run.training.batch_per_device or run.training.batch // devices
    return found


def differences(study: StudySettings, unit: str, reference: StudySettings, role: str) -> list[Difference]:
    """Settings of `unit`, and of what it learns from, that differ from the reference's unit `role`.

    Args:
        study: the study that was run. unit: `teacher`, `label-encoder` or a variant.
        reference: the claim's complete configuration. role: the unit in it that the claim's numbers belong to.
    """
    ours, theirs = _all_settings(study, unit), _all_settings(reference, role)
    found: dict[tuple[str, str, str], Difference] = {}

    def add(stage: str, key: str, there: Any, here: Any) -> None:
        known = found.get((key, str(there), str(here)))
        stages = (*known.stages, stage) if known else (stage,)
        found[key, str(there), str(here)] = Difference(stages, key, there, here)

    for stage in dict.fromkeys([*theirs, *ours]):
        if stage not in ours or stage not in theirs:
            words = ("trained", "not used") if stage in theirs else ("not used", "trained")
            add(stage, "is", *words)
            continue
        there, here = theirs[stage], ours[stage]
        for key in dict.fromkeys([*there, *here]):
            one, other = there.get(key), here.get(key)
            if not (same_start(str(one), str(other)) if key in _STARTS else one == other):
                add(stage, key, one, other)
    return list(found.values())


def _all_settings(study: StudySettings, unit: str) -> dict[str, dict[str, Any]]:
    seen = with_overrides(study, unit) if unit in study.variants else study
    return {stage: _settings(seen, run) for stage, run in runs_of(study, unit).items()}
