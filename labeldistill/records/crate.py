"""A finished study as a Workflow Run RO-Crate: its workflow, settings, records, numbers and their provenance.

Follows Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5) on RO-Crate 1.1. Weights and detections are
listed with name and checksum; weights are included on request.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from labeldistill import __version__
from labeldistill.config.run_files import LOSSES, SCORES
from labeldistill.errors import InputError
from labeldistill.files import file_sha256
from labeldistill.records.gather import gather
from labeldistill.records.provenance import REPOSITORY
from labeldistill.records.run_record import SCHEMAS, read_record
from labeldistill.study.plan import PlannedRun, StudyPlan

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENSE = "https://spdx.org/licenses/Apache-2.0"
NUSCENES_LICENSE = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
FORMATS = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".html": "text/html",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".yaml": "application/yaml",
    ".txt": "text/plain",
}
Entity = Any  # rocrate is an optional dependency


def write_crate(plan: StudyPlan, out: Path, *, weights: bool = False) -> Path:
    """Write the crate of a gathered and reported study into a new folder `out`, whole or not at all.

    Raises:
        InputError: `out` exists, the extra `crate` is not installed, a run is missing or of another key, weights are
            not those of their record, the disk is full.
    """
    if out.exists():
        raise InputError("already exists; name a new folder", file=out)
    gather(plan)  # refuses missing artefacts and those of another key
    if not plan.report.is_file():
        raise InputError(f"no such report; run snakemake --config study={plan.study.name}", file=plan.report)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as temporary:
            StudyCrate(plan, Path(temporary), weights=weights).write()
            Path(temporary, "crate").rename(out)
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror or error}", file=out) from error
    return out


class StudyCrate:
    """Builds the crate of one study, with entities in the order of their creation."""

    def __init__(self, plan: StudyPlan, scratch: Path, *, weights: bool) -> None:
        try:
            from rocrate.rocrate import ROCrate
        except ImportError as error:
            raise InputError("needs the package rocrate: pip install 'labeldistill[crate]'", key="crate") from error
        self.plan, self.scratch, self.with_weights = plan, scratch, weights
        self.real = plan.study.data.synth is None
        self.records = {run.key: read_record(run.record) for run in plan.runs}
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(CONTEXT)
        self.actions: list[Entity] = []
        self.weights: dict[str, dict[str, Entity]] = {}

    def write(self) -> None:
        """Write the folder `crate` into the scratch folder."""
        self._about_the_study()
        tool, data, settings = self._tool(), self._data(), self._settings()
        numbers = [entity for run in self.plan.runs for entity in self._run(run, tool, data, settings)]
        self._workflow(tool, data, settings, [*numbers, *self._report()])
        self.crate.root_dataset["mentions"] = self.actions
        self.crate.write(self.scratch / "crate")

    # -- entities -----------------------------------------------------------------------------------------------------

    def _about(self, id_: str, kind: str, **properties: Any) -> Entity:
        from rocrate.model.contextentity import ContextEntity

        return self.crate.add(ContextEntity(self.crate, id_, properties={"@type": kind, **properties}))

    def _file(self, source: Path, path: str, **properties: Any) -> Entity:
        facts = {"name": path, "contentSize": str(source.stat().st_size), "sha256": file_sha256(source), **properties}
        if (kind := FORMATS.get(source.suffix)) is not None:
            facts["encodingFormat"] = kind
        return self.crate.add_file(source, path, properties=facts)

    def _about_the_study(self) -> None:
        study, crate = self.plan.study, self.crate
        crate.name = f"LabelDistill study {study.name}, {self.plan.version}"
        crate.description = study.description
        crate.datePublished = max(record["finished"] for record in self.records.values())
        crate.license = self._about(LICENSE, "CreativeWork", name="Apache License 2.0", identifier="Apache-2.0")
        profiles = [
            self._about(url, "CreativeWork", name=name, version=url.rpartition("/")[2])
            for url, name in PROFILES.items()
        ]
        crate.root_dataset["conformsTo"] = profiles
        crate.metadata["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": list(PROFILES)[-1]}]

    def _tool(self) -> Entity:
        codes = [record["code"] for record in self.records.values()]
        commits = sorted({f"{code['commit']}{' with changes' * bool(code['dirty'])}" for code in codes})
        return self._about(
            "#labeldistill",
            "SoftwareApplication",
            name="labeldistill",
            softwareVersion=__version__,
            description=f"the code of the runs; commit {', '.join(commits)}",
        )

    def _data(self) -> Entity:
        facts, version = next(iter(self.records.values()))["data"], self.plan.study.data.version
        real = {"url": "https://www.nuscenes.org/nuscenes", "license": NUSCENES_LICENSE} if self.real else {}
        return self._about(
            f"#data-{self.plan.data_key}",
            "CreativeWork",
            name=f"nuScenes {version}" if self.real else "synthetic nuScenes world",
            version=version,
            sha256=facts["manifest_hash"],
            description=f"{facts['samples']} key frames of {facts['scenes']} scenes; sha256 is of their index",
            **real,
        )

    def _settings(self) -> Entity:
        file = self.scratch / "settings.yaml"
        file.write_text(yaml.safe_dump(self.plan.study.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        for schema in SCHEMAS:
            self._file(schema, schema.name, description="JSON schema of every record.json, or of parts of it")
        return self._file(file, "settings.yaml", description="every resolved setting of the study")

    # -- what was done ------------------------------------------------------------------------------------------------

    def _run(self, run: PlannedRun, tool: Entity, data: Entity, settings: Entity) -> list[Entity]:
        """Training and scoring of one run; returns its numbers."""
        record, folder = self.records[run.key], f"runs/{run.unit}/seed-{run.seed}"
        which = f"{run.unit} --study {self.plan.study.name} --seed {run.seed} --key {run.key}"
        written = self._file(run.record, f"{folder}/record.json", description="the run record")
        curve = self._file(run.folder / LOSSES, f"{folder}/{LOSSES}", description="losses of every step")
        own = self.weights[run.key] = {name: self._weights(run, name, folder) for name in record["weights"]}
        status = "Completed" if record["status"] == "finished" else "Failed"
        error = {} if status == "Completed" else {"error": record["reason"]}
        self._action(
            f"#train-{run.key}",
            f"training of {run.unit}, seed {run.seed}",
            tool,
            [settings, data, *(self.weights[parent.key]["ema"] for parent in run.parents)],
            [written, curve, *own.values()],
            description=f"labeldistill train {which}",
            endTime=record["finished"],
            actionStatus=f"http://schema.org/{status}ActionStatus",
            **error,
        )
        scores = self._file(self.plan.metrics(run) / SCORES, f"{folder}/{SCORES}", description="its scores")
        self._action(
            f"#score-{run.key}",
            f"detection and scoring of {run.unit}, seed {run.seed}",
            tool,
            [data, *own.values()],
            [scores],
            description=f"labeldistill predict {which}; labeldistill score {which}",
        )
        return [written, scores]

    def _weights(self, run: PlannedRun, name: str, folder: str) -> Entity:
        about = self.records[run.key]["weights"][name]
        file = run.folder / about["file"]
        if not self.with_weights:
            facts = {"sha256": about["sha256"], "description": "not in the crate"}
            return self._about(f"#{run.key}-{about['file']}", "CreativeWork", name=about["file"], **facts)
        if not file.is_file() or file_sha256(file) != about["sha256"]:
            raise InputError("is missing or not the file of its record", file=file, key=f"weights.{name}.sha256")
        return self._file(file, f"{folder}/{file.name}", description=f"{name} weights")

    def _report(self) -> list[Entity]:
        folder, entities = self.plan.report.parent, []
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            shows_data = self.real and file.name.startswith("cameras-")
            terms = {"license": NUSCENES_LICENSE} if shows_data else {}
            entities.append(self._file(file, f"report/{file.relative_to(folder).as_posix()}", **terms))
        return entities

    def _workflow(self, tool: Entity, data: Entity, settings: Entity, results: list[Entity]) -> None:
        home = REPOSITORY / "workflow"
        workflow = self.crate.add_workflow(
            home / "Snakefile", "workflow/Snakefile", main=True, lang="snakemake", properties={"name": "LabelDistill"}
        )
        rules = [self._file(file, f"workflow/rules/{file.name}") for file in sorted(home.glob("rules/*.smk"))]
        workflow["hasPart"] = [tool, *rules]
        self._file(REPOSITORY / "constraints.txt", "constraints.txt", description="pinned packages")
        name = self.plan.study.name
        self._action("#study", f"study {name}", workflow, [settings, data], results, description=f"study={name}")

    def _action(
        self, id_: str, name: str, instrument: Entity, used: list[Entity], made: list[Entity], **more: Any
    ) -> None:
        action = self._about(id_, "CreateAction", name=name, **more)
        action["instrument"], action["object"], action["result"] = instrument, used, made
        self.actions.append(action)
