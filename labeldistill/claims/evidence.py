"""Facts beside a study's numbers: the samples of training and scoring, the existing runs, and what was declared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from labeldistill.claims.official import SplitFacts
from labeldistill.claims.registration import Registration, registration_of
from labeldistill.config.run_files import INGESTED, SCORES
from labeldistill.data.columns import read_columns
from labeldistill.files import read_json
from labeldistill.nuscenes.columns import Samples, Scenes
from labeldistill.nuscenes.splits import names_hash
from labeldistill.study.apart import APART, label
from labeldistill.study.plan import StudyPlan

ELSEWHERE = tuple(f"{origin}-" for origin in APART)
"""Prefixes of the folders of runs that the study did not train."""


@dataclass(frozen=True)
class Evidence:
    """Facts about a study's data and runs that settings alone do not prove. The default proves nothing.

    Attributes:
        splits: `train` and the evaluation split -> their content in the index; empty without an index.
        overlap: scenes that are used for both training and scoring.
        scored: unit -> number and hash of the samples of each scored run; None if the scores do not say.
        partial: units with a run that was scored on a part of its split.
        planned: seeds of the complete study.
        left_out: variant -> seeds that are scored but not reported.
        reruns: variant -> reported seeds that are also scored under another run key, because the code has changed.
        copied: unit -> other studies that the records of its runs name: these runs were put here.
        sensors: unit -> sensors used according to its ingested files.
        registration: what was declared, and what has changed since.
        looks: looks of a sequential study in order; None for other studies.
    """

    splits: Mapping[str, SplitFacts] = field(default_factory=dict)
    overlap: tuple[str, ...] = ()
    scored: Mapping[str, set[tuple[int, str] | None]] = field(default_factory=dict)
    partial: frozenset[str] = frozenset()
    planned: tuple[int, ...] = ()
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reruns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    copied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sensors: Mapping[str, frozenset[str]] = field(default_factory=dict)
    registration: Registration = field(default_factory=Registration)
    looks: tuple[Mapping[str, object], ...] | None = None

    def reservations(self, variants: Iterable[str], seeds: Sequence[int]) -> list[str]:
        """What keeps anything from being settled about these variants, in words, whatever their scores are.

        Args:
            variants: of the study; their own runs.
            seeds: that are reported.
        """
        found = [self.registration.reservation] if self.registration.reservation else []
        return found + self.chosen(variants, seeds)

    def chosen(self, variants: Iterable[str], seeds: Sequence[int]) -> list[str]:
        """How the reported runs of these variants are a choice among those that exist or were planned, in words.

        Args:
            variants, seeds: as in `reservations`.
        """
        found: list[str] = []
        for variant in dict.fromkeys(variants):
            if left := self.left_out.get(variant):
                found.append(f"scored seeds of {variant} are left out: {', '.join(map(str, left))}")
            if again := self.reruns.get(variant):
                found.append(f"seeds of {variant} were scored by other code before: {', '.join(map(str, again))}")
            if others := self.copied.get(variant):
                found.append(f"runs of {variant} were made for another study ({', '.join(others)}) and put here")
        missing = [seed for seed in self.planned if seed not in seeds]
        if missing and self.looks is None:  # a sequential plan may stop early: its looks have the last word
            found.append(f"{len(seeds)} of {len(self.planned)} planned seeds (without {missing[0]}, ...)")
        return found


def evidence_of(plan: StudyPlan) -> Evidence:
    """Read the evidence from a study's index, scores and declarations.

    Raises:
        InputError: a file that can't be read, or claims that changed since they were registered.
    """
    splits, overlap = _splits(plan)
    scored, partial = _scored(plan)
    left_out, reruns = _left_out(plan)
    return Evidence(
        splits=splits,
        overlap=overlap,
        scored=scored,
        partial=partial,
        planned=plan.planned_seeds,
        left_out=left_out,
        reruns=reruns,
        copied=_copied(plan),
        sensors=_sensors(plan),
        registration=registration_of(plan),
        looks=tuple(read_json(plan.looks)["looks"]) if plan.looks.is_file() else None,
    )


def _splits(plan: StudyPlan) -> tuple[dict[str, SplitFacts], tuple[str, ...]]:
    if not plan.infos_index.is_file():
        return {}, ()
    scenes = read_columns(plan.infos / "scenes.parquet", Scenes)
    samples = read_columns(plan.infos / "samples.parquet", Samples)
    names, tokens = np.array(scenes.name.to_pylist()), np.array(samples.token.to_pylist())
    facts: dict[str, SplitFacts] = {}
    for split in ("train", plan.study.evaluation_split):
        inside = getattr(scenes, f"in_{split}")
        held = tokens[inside[samples.scene]]
        mine = names[inside]
        facts[split] = SplitFacts(len(mine), names_hash(mine), len(set(held)), names_hash(held))
    both = scenes.in_train & getattr(scenes, f"in_{plan.study.evaluation_split}")
    return facts, tuple(names[both])


def _scored(plan: StudyPlan) -> tuple[dict[str, set[tuple[int, str] | None]], frozenset[str]]:
    files = [(run.unit, plan.metrics(run)) for run in plan.runs]
    files += [(label(run.unit, "adopted"), plan.metrics(run)) for run in plan.adopted]
    files += [(label(run.variant, "ingested"), plan.ingested_metrics(run)) for run in plan.ingested]
    found: dict[str, set[tuple[int, str] | None]] = {}
    partial: set[str] = set()
    for unit, folder in files:
        if not (folder / SCORES).is_file():
            continue
        scores = read_json(folder / SCORES)
        said = "samples" in scores and "tokens_sha256" in scores
        found.setdefault(unit, set()).add((scores["samples"], scores["tokens_sha256"]) if said else None)
        if scores.get("partial"):
            partial.add(unit)
    return found, frozenset(partial)


def _left_out(plan: StudyPlan) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Scored seeds of each variant that are not reported, and reported ones also scored under another run key."""
    reported = {str(run.folder.relative_to(plan.folder)) for run in plan.students}
    seeds: dict[str, set[int]] = {}
    again: dict[str, set[int]] = {}
    for variant in plan.study.variants:
        for file in plan.folder.glob(f"{variant}/seed-*/*/predictions-*/metrics-*/metrics.json"):
            _, name, key, *_ = file.relative_to(plan.folder).parts
            seed = int(name.removeprefix("seed-"))
            if key.startswith(ELSEWHERE) or f"{variant}/{name}/{key}" in reported:
                continue
            (again if seed in plan.study.seeds else seeds).setdefault(variant, set()).add(seed)
    found = [{unit: tuple(sorted(of)) for unit, of in each.items()} for each in (seeds, again)]
    return found[0], found[1]


def _copied(plan: StudyPlan) -> dict[str, tuple[str, ...]]:
    """Studies that the records of reported runs name in place of this one."""
    found: dict[str, set[str]] = {}
    for run in plan.runs:
        if run.record.is_file() and (name := str(read_json(run.record).get("study"))) != plan.study.name:
            found.setdefault(run.unit, set()).add(name)
    return {unit: tuple(sorted(names)) for unit, names in found.items()}


def _sensors(plan: StudyPlan) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for run in plan.ingested:
        unit = label(run.variant, "ingested")
        meta = read_json(run.folder / INGESTED).get("meta")
        if not isinstance(meta, dict):
            used = frozenset({"unknown"})
        else:
            used = frozenset(str(key).removeprefix("use_") for key, value in meta.items() if value is not False)
            used = used or frozenset({"unknown"})
        found[unit] = found.get(unit, frozenset()) | used
    return found
