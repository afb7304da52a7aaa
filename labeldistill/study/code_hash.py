"""A hash of the code that a stage computes with: its modules and all they import from this package.

In each module, only what can change a number counts (see `canonical_code`); modules that compute no numbers do not
count at all. The page of a report is rendered from a template, which counts as code.
"""

import ast
import hashlib
import importlib.util
import os.path
from dataclasses import replace
from functools import cache
from pathlib import Path

from labeldistill.config.methods import METHODS, STAGES
from labeldistill.config.study import RunSettings
from labeldistill.config.terms import term_spec
from labeldistill.files import file_sha256
from labeldistill.study import canonical_code
from labeldistill.study.canonical_code import canonical, imported
from labeldistill.study.code_memory import CodeMemory, Found

PACKAGE = "labeldistill"
_ROOT = Path(__file__).resolve().parents[1]

# Entry modules of each stage, and the modules at which following imports stops because another stage owns them.
_ENTRIES: dict[str, tuple[str, ...]] = {
    "synth": ("labeldistill.synthetic.write",),
    "infos": ("labeldistill.data.infos",),
    "train": ("labeldistill.training.train",),  # plus the modules of the run's model and terms
    "predict": ("labeldistill.inference.predict",),
    "evaluate": (
        "labeldistill.evaluation.score_run",
        "labeldistill.statistics.scene_bootstrap",
        "labeldistill.config.slicing",
    ),
    "arbitrate": ("labeldistill.evaluation.stored_scores",),
    "benchmark": ("labeldistill.checks.benchmark",),
    "gather": ("labeldistill.records.gather",),
    "report": ("labeldistill.reporting.report",),
    "preflight": ("labeldistill.preflight.run",),
}
_STOPS: dict[str, tuple[str, ...]] = {
    # what a run computed is already in its key; these stages only add their own loop
    "predict": ("labeldistill.training.train",),
    "benchmark": ("labeldistill.training.train",),
    # who confirms scores does not change them, and does not depend on how they were computed
    "evaluate": ("labeldistill.evaluation.arbiter",),
    "arbitrate": ("labeldistill.evaluation.scoring",),
    "preflight": ("labeldistill.training.train", "labeldistill.evaluation.scoring", "labeldistill.nuscenes.check"),
}

# Files that a stage reads besides its modules: the page of a report
_TEMPLATES = {"report": "reporting/templates"}

# Modules that do not affect numbers in any stage; neither they nor what only they import counts.
COMPUTE_NOTHING: dict[str, str] = {
    "labeldistill.errors": "messages",
    "labeldistill.training.lock": "who may write into a folder",
    "labeldistill.training.progress": "the bar on a terminal",
    "labeldistill.training.curves": "points for TensorBoard, read by people",
    "labeldistill.training.event_log": "what happened when, read by `status`",
    "labeldistill.training.usage": "seconds, bytes and joules of a run",
}

# Settings that no stage computes with; their values are in a report's version through the resolved study.
# Only scoring computes with slices: there, the module is an entry, which lifts the stop.
# The registries name everything that can be trained; a run counts only what it uses (see `run_code`).
_NO_STAGE = (
    "labeldistill.config.verdict",
    "labeldistill.config.slicing",
    "labeldistill.config.terms",
    "labeldistill.config.methods",
)

# Settings of a study that only scoring reads. Their values enter the key of the scores (`StudyPlan.scorer`), so that
# the statements defining them do not count as code of the stages that train and predict.
_SCORING = {"labeldistill.config.study": {"Slices", "evaluation_slices", "evaluation_replicates"}}


def _file(module: str) -> Path | None:
    base = os.path.join(_ROOT, *module.split(".")[1:])  # noqa: PTH118  thousands of names before every plan
    for candidate in (f"{base}.py", f"{base}/__init__.py"):
        if os.path.isfile(candidate):  # noqa: PTH113
            return Path(candidate)
    return None


def _plugin_file(module: str) -> Path | None:
    """The file of a module of another package, which registered a term."""
    found = importlib.util.find_spec(module)
    return Path(found.origin) if found is not None and found.origin else None


@cache
def _memory(root: Path) -> CodeMemory:
    return CodeMemory(root / "__pycache__", (Path(__file__), Path(canonical_code.__file__)))


@cache
def _module(module: str) -> tuple[str, frozenset[str]]:
    """Hash of what counts in one module, and its imports from the package.

    Raises:
        ModuleNotFoundError: there is no such module; without its code, a stage would keep its key forever.
    """
    file = _file(module) if module.partition(".")[0] == PACKAGE else _plugin_file(module)
    if file is None:
        raise ModuleNotFoundError(f"no module {module} for the hash of code")
    found, imports = _memory(_ROOT).of(module, file, lambda source: _parsed(module, source))
    return found, frozenset(name for name in imports if _file(name) is not None)


def _parsed(module: str, source: str) -> Found:
    tree = ast.parse(source)
    imports = imported(tree)
    text = canonical(tree, imports, without=_SCORING.get(module, ()))
    return hashlib.sha256(text.encode()).hexdigest(), frozenset(n for n in imports if n.startswith(f"{PACKAGE}."))


@cache
def modules_of(stage: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the package's modules that `stage`, and the modules `more`, compute with, sorted."""
    stops = {*_STOPS.get(stage, ()), *_NO_STAGE} - set(_ENTRIES[stage])
    seen = {*stops, *COMPUTE_NOTHING}
    todo = [*_ENTRIES[stage], *more]
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            found.add(module)
            todo.extend(_module(module)[1])
    return tuple(sorted(found))


@cache
def code_hash(stage: str, more: tuple[str, ...] = ()) -> str:
    """SHA-256 over the modules of `stage` (names and what counts in them), as hex."""
    lines = [f"{name} {_module(name)[0]}" for name in modules_of(stage, more)]
    for template in _templates(stage):
        lines.append(f"{template.name} {file_sha256(template)}")
    _memory(_ROOT).save()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _templates(stage: str) -> list[Path]:
    """Every file that the pages of a stage are made from."""
    folder = _ROOT / _TEMPLATES[stage] if stage in _TEMPLATES else None
    return sorted(file for file in folder.rglob("*") if file.is_file()) if folder else []


def run_modules(run: RunSettings) -> tuple[str, ...]:
    """Modules of a run's own model and terms."""
    model = STAGES[run.stage].model or METHODS[run.method].student
    return (model.partition(":")[0], *sorted({term_spec(name).module for name in run.terms}))


def run_code(run: RunSettings) -> str:
    """Hash of the code that one training run computes with: the training loop, its model and its terms."""
    specs = (repr(replace(term_spec(name), methods=())) for name in sorted(run.terms))
    return hashlib.sha256("\n".join([code_hash("train", run_modules(run)), *specs]).encode()).hexdigest()
