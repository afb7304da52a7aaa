"""A hash of the code that a stage executes: its modules and all they import from this package, comments aside.

The page of a report is made from a template, which counts as its code.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "labeldistill"
_ROOT = Path(__file__).resolve().parents[1]

# Entry modules of each stage, and the modules at which following imports stops because another stage owns them.
_ENTRIES: dict[str, tuple[str, ...]] = {
    "synth": ("labeldistill.synthetic.write",),
    "infos": ("labeldistill.data.infos",),
    "teacher": ("labeldistill.training.train", "labeldistill.models.teacher"),
    "label-encoder": ("labeldistill.training.train", "labeldistill.distillation.inverse"),
    "student": ("labeldistill.training.train", "labeldistill.distillation.model"),
    "predict": ("labeldistill.inference.predict",),
    "evaluate": (
        "labeldistill.evaluation.score_run",
        "labeldistill.statistics.scene_bootstrap",
        "labeldistill.config.slicing",
    ),
    "benchmark": ("labeldistill.checks.benchmark",),
    "gather": ("labeldistill.records.gather",),
    "report": ("labeldistill.reporting.report",),
}
_MODELS = ("labeldistill.models.teacher", "labeldistill.distillation.inverse", "labeldistill.distillation.model")
_STOPS: dict[str, tuple[str, ...]] = {
    "teacher": _MODELS[1:],
    "label-encoder": _MODELS[2:],
    # what a run computed is in its key already; these stages add only their own loop
    "predict": (*_MODELS, "labeldistill.training.train"),
    "benchmark": (*_MODELS, "labeldistill.training.train"),
}

# What a stage reads beside its modules: the page of a report
_TEMPLATES = {"report": _ROOT / "reporting" / "templates"}

# Settings that no stage computes with; a report holds their values (the resolved study is part of its version).
# Scoring alone computes with slices: the module is one of its entries, which lifts the stop.
_NO_STAGE = ("labeldistill.config.verdict", "labeldistill.config.slicing")

# Settings of a study that only scoring reads. Their values enter the key of the scores (`StudyPlan.scorer`), so the
# statements that bind these names, and nothing else, are no code of the stages that train and predict.
_SCORING = {"labeldistill.config.study": {"Slices", "evaluation_slices", "evaluation_replicates"}}


def _file(module: str) -> Path | None:
    base = _ROOT.joinpath(*module.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # docstrings and attribute docstrings: bare string expressions compute nothing
            bare = [s for s in node.body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
            node.body = [s for s in node.body if s not in bare] or [ast.Pass()]
    return tree


def _names(statement: ast.stmt) -> set[str]:
    """Names that an import or an annotated assignment binds; none for any other statement."""
    if isinstance(statement, ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()


def _without_names(tree: ast.Module, names: set[str]) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef)):
            node.body = [s for s in node.body if not (bound := _names(s)) or not bound <= names]
    return tree


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name == PACKAGE or name.startswith(f"{PACKAGE}.")}


@cache
def _module(module: str) -> tuple[str, frozenset[str]]:
    """Content hash and package imports of one module; comments, docstrings and layout do not count."""
    file = _file(module)
    if file is None:
        return "", frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports = frozenset(name for name in _imports(tree) if _file(name) is not None)
    tree = _without_names(_without_docstrings(tree), _SCORING.get(module, set()))
    text = ast.dump(tree, include_attributes=False)
    return hashlib.sha256(text.encode()).hexdigest(), imports


def modules_of(stage: str) -> tuple[str, ...]:
    """Names of the package's modules that `stage` depends on, sorted."""
    stops = {*_STOPS.get(stage, ()), *_NO_STAGE} - set(_ENTRIES[stage])
    seen: set[str] = set()
    todo = list(_ENTRIES[stage])
    while todo:
        module = todo.pop()
        if module in seen or module in stops:
            continue
        seen.add(module)
        todo.extend(_module(module)[1])
    return tuple(sorted(seen))


@cache
def code_hash(stage: str) -> str:
    """SHA-256 over the modules of `stage` (names and content without comments), as hex."""
    lines = [f"{name} {_module(name)[0]}" for name in modules_of(stage)]
    for template in sorted(_TEMPLATES[stage].iterdir()) if stage in _TEMPLATES else ():
        lines.append(f"{template.name} {hashlib.sha256(template.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
