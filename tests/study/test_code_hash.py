"""Keys move when numbers can: a reworded message moves none, a changed constant of what computes moves some.

Held three ways: on small sources, on every module of the package with its constants and words changed by machine, and
against what really runs when a stage runs.
"""

import ast
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labeldistill.config import methods
from labeldistill.config.load import load_study
from labeldistill.config.methods import stage_of
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.config.terms import TERMS
from labeldistill.study import code_hash as hashing
from labeldistill.study.canonical_code import MESSAGES_ONLY, canonical, imported
from labeldistill.study.plan import StudyPlan

if TYPE_CHECKING:
    from stage_runs import Runs

PACKAGE = Path(hashing.__file__).parents[1]
STAGES = tuple(hashing._ENTRIES)
REGISTERED = {spec.model or "" for spec in methods.STAGES.values()} | {m.student for m in methods.METHODS.values()}
REGISTERED |= {spec.loss for spec in TERMS.values()}
TRAINABLE = hashing.modules_of("train", tuple(sorted({path.partition(":")[0] for path in REGISTERED if path})))
HASHED = sorted(set(TRAINABLE).union(*(hashing.modules_of(stage) for stage in STAGES)))
COMPUTING_ROOMS = ("geometry", "ops", "models", "distillation", "data", "training")


def _of(source: str) -> str:
    tree = ast.parse(source)
    return canonical(tree, imported(tree))


# -- small sources ------------------------------------------------------------------------------------------------

BASE = """
import torch
from labeldistill.errors import InputError

class Net(torch.nn.Module):
    width = 3

    def forward(self, x, scale=2):
        if x.ndim != 4:
            raise InputError("four axes", key="x")
        return x * scale + self.width
"""
SAME = {
    "docstrings, comments and layout": (
        "    def forward(self, x, scale=2):",
        '    """A net."""  # why\n\n    def forward(self, x,\n                scale=2):\n        """Widen."""',
    ),
    "type hints": ("(self, x, scale=2):", '(self, x: torch.Tensor, scale: "int" = 2) -> torch.Tensor:'),
    "a hint of a field": ("    width = 3", "    width: float = 3"),
    "an import for a hint": (
        "self, x,",
        "self, x: Tensor,",
        "import torch\n",
        "import torch\nfrom torch import Tensor\n",
    ),
    "an import for type checkers": (
        "class Net",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import B\n\nclass Net",
    ),
    "a message": ('"four axes"', 'f"x must have 4 axes, has {x.ndim:.1f}"'),
    "what a message names": ('"four axes", key="x"', 'hint(x), file="x.yaml"'),
    "a variable for a message": (
        '            raise InputError("four axes"',
        '            hint = f"has {len(x)}" if x.ndim else ""\n            raise InputError("four axes" + hint',
    ),
    "a line on stderr": (
        "        return x",
        '        print(f"x {x.shape}", file=sys.stderr)\n        return x',
        "import torch\n",
        "import sys\nimport torch\n",
    ),
    "a log line": (
        "        return x",
        '        logger.info("step %s", len(x))\n        return x',
        "import torch\n",
        "import logging\nimport torch\n\nlogger = logging.getLogger(__name__)\n",
    ),
    "an event": ("        return x", '        self.events.write("step", width=self.width)\n        return x'),
    "a cast": ("return x *", 'return cast("Tensor", x) *', "import torch\n", "import torch\nfrom typing import cast\n"),
}
OTHER = {
    "a constant": ("width = 3", "width = 4"),
    "a default": ("scale=2", "scale=3"),
    "the kind of a number": ("scale=2", "scale=2.0"),
    "a condition": ("!= 4", "!= 5"),
    "an operator": ("+ self.width", "- self.width"),
    "whether it is refused": ("            raise InputError(", "            InputError("),
    "the kind of refusal": ('raise InputError("four axes", key="x")', 'raise OSError("four axes")'),
    "what a log line does": ("        return x", "        print(x.mul_(2))\n        return x"),
    "what an f-string does": ("        return x", '        print(f"{x.mul_(2)}")\n        return x'),
    "a result on stdout": ("        return x", "        print(x, file=result)\n        return x"),
    "an import for its effect": ("import torch\n", "import torch\nimport other\n"),
    "a decorator that may read hints": ("    def forward(self, x,", "    @jit\n    def forward(self, x: int,"),
    "a draw that only a message shows": (
        '            raise InputError("four axes"',
        "            drawn = rng.random()\n            raise InputError(drawn",
    ),
    "a text that is computed with": ("scale=2", "scale='2'"),
    "a variable that is shared": (
        "        return x",
        "        global seen\n        seen = 3\n        print(seen)\n        return x",
    ),
}


def _edited(edit: tuple[str, ...]) -> str:
    source = BASE
    for old, new in zip(edit[::2], edit[1::2], strict=True):
        assert source.count(old) == 1
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME.keys())
def test_what_only_people_read_does_not_count(edit: tuple[str, ...]) -> None:
    assert _of(_edited(edit)) == _of(BASE)


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER.keys())
def test_what_may_change_a_number_counts(edit: tuple[str, ...]) -> None:
    assert _of(_edited(edit)) != _of(BASE)


def test_hints_count_where_pydantic_or_a_dataclass_reads_them() -> None:
    setting = "class Depth(Settings):\n    bins: {} = 3\n"
    assert _of(setting.format("int")) != _of(setting.format("float"))
    field = "@dataclass\nclass Depth:\n    bins: {} = 3\n"
    assert _of(field.format("int")) == _of(field.format("float"))
    assert _of(field.format("int")) != _of(field.format("typing.ClassVar[int]"))
    assert _of("from pydantic import Field\n" + field.format("int")) != _of(
        "from pydantic import Field\n" + field.format("float")
    )


# -- every module of the package ----------------------------------------------------------------------------------


def _tree(module: str) -> ast.Module:
    file = hashing._file(module)
    assert file is not None
    return ast.parse(file.read_text())


def _canonical(module: str, tree: ast.Module) -> str:
    return canonical(tree, imported(tree), without=hashing._SCORING.get(module, ()))


def _with_words(node: ast.AST, texts: bool, words: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it lies in a message, a line on stderr, a type hint or (with `texts`) an f-string."""
    yield node, words
    for name, value in ast.iter_fields(node):
        said = isinstance(node, ast.Raise) or name in ("annotation", "returns")
        said |= texts and isinstance(node, ast.JoinedStr)
        said |= isinstance(node, ast.Call) and ast.unparse(node.func) in {*MESSAGES_ONLY, "print"}
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _with_words(child, texts, words or said)


# numbers that are in no stage's key on purpose, by the line that holds them
NOT_COUNTED = {
    "evaluation_replicates: int = Field(1000, ge=0)": "its value enters the key of the scores",
    'names = ", ".join(f"{run.unit} seed {run.seed}" for run in missing[:4])': "for a message",
    'names = ", ".join(run.name for run in missing[:4])': "for a message",
    "first = table[repeated].iloc[0]": "for a message",
    "fitting = free // max(batch_bytes * (PREFETCH + 1), 1)": "for a message",
}


@pytest.mark.parametrize("module", HASHED)
def test_every_number_of_a_hashed_module_counts(module: str) -> None:
    """Each gets a value of its own; a value that the hashed text holds changes the hash with it."""
    tree, room = _tree(module), module.split(".")[1]
    file = hashing._file(module)
    assert file is not None
    lines = file.read_text().splitlines()
    planted: dict[int, int] = {}
    for number, (node, words) in enumerate(_with_words(tree, texts=room not in COMPUTING_ROOMS)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not words:
            node.value = 10**9 + number
            planted[node.value] = node.lineno
    text = _canonical(module, tree)
    lost = [lines[line - 1].strip() for value, line in planted.items() if str(value) not in text]
    assert set(lost) <= NOT_COUNTED.keys()


class _Reworded(ast.NodeTransformer):
    """Other docstrings, messages and hints everywhere."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("reworded") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("reworded")


def _reword(tree: ast.Module) -> int:
    changed = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body.insert(0, ast.Expr(ast.Constant("Another docstring.")))
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            node.returns = ast.Tuple([ast.Name("Other", ast.Load()), *filter(None, [node.returns])], ast.Load())
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            known = isinstance(node.exc.func, ast.Name) and node.exc.func.id in MESSAGES_ONLY
            if known:  # other words around the same values
                node.exc.args = [ast.Tuple([ast.Constant("reworded"), *node.exc.args], ast.Load())]
            else:
                node.exc.args = [_Reworded().visit(argument) for argument in node.exc.args]
        changed += isinstance(node, ast.Raise | ast.FunctionDef)
    return changed


def test_other_words_and_hints_change_no_hash_of_the_package() -> None:
    changed = 0
    for module in HASHED:
        before, tree = _canonical(module, _tree(module)), _tree(module)
        changed += _reword(tree)
        assert _canonical(module, tree) == before, module
    assert changed > 500


def test_no_module_of_a_computing_room_is_left_out() -> None:
    there = {
        "labeldistill." + ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        for room in COMPUTING_ROOMS
        for file in (PACKAGE / room).rglob("*.py")
        if file.name != "__init__.py"
    }
    assert len(there) > 50
    assert there - set(HASHED) - set(hashing.COMPUTE_NOTHING) == set()


def test_what_computes_nothing_imports_nothing_that_computes() -> None:
    for module, why in hashing.COMPUTE_NOTHING.items():
        rooms = {name.split(".")[1] for name in imported(_tree(module)) if name.startswith("labeldistill.")}
        assert not rooms & {*COMPUTING_ROOMS, "config", "inference", "evaluation", "statistics"}, module
        assert why


def test_no_hashed_module_computes_with_the_words_of_an_exception() -> None:
    for module in HASHED:
        for handler in (node for node in ast.walk(_tree(module)) if isinstance(node, ast.ExceptHandler)):
            used = {
                node.attr
                for node in ast.walk(handler)
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == handler.name
            }
            assert not used & {"args", "key", "file"}, module


def test_a_stage_without_its_code_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hashing._ENTRIES, "moved", ("labeldistill.training.moved_away",))
    with pytest.raises(ModuleNotFoundError, match="moved_away"):
        hashing.modules_of("moved")


# -- keys of a study ----------------------------------------------------------------------------------------------


def _forget() -> None:
    for cached in (hashing._memory, hashing._module, hashing.modules_of, hashing.code_hash):
        cached.cache_clear()


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], set[str]]]:
    """Units of `smoke` (and `scores`, `report`) whose key an edit of one module moves."""
    copy = tmp_path / "labeldistill"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(hashing, "_ROOT", copy)

    def keys() -> dict[str, str]:
        _forget()
        plan = StudyPlan.load("smoke", tmp_path / "results")
        found = {run.unit: run.key for run in plan.runs}
        return {**found, "world": plan.data_key, "scores": plan.scorer, "table": plan.table_key, "report": plan.version}

    before = keys()

    def moved(module: str, old: str, new: str) -> set[str]:
        file = copy / module
        source = file.read_text()
        assert old in source, f"{module} has no {old!r}"
        file.write_text(source.replace(old, new, 1))
        after = keys()
        file.write_text(source)
        return {name for name in before if before[name] != after[name]}

    yield moved
    _forget()


STUDENTS = {"baseline", "lidar-only", "label-only", "full"}
TRAINED = {"teacher", "label-encoder", *STUDENTS}
MADE_OF_RUNS = {"table", "report"}


def test_a_constant_moves_the_keys_of_those_who_compute_with_it(edited: Callable[[str, str, str], set[str]]) -> None:
    assert edited("training/optimizer.py", "undecayed", "undecayed_") >= TRAINED | MADE_OF_RUNS
    assert edited("ops/circle_nms.py", "def circle_nms", "_ = 1\n\n\ndef circle_nms") >= TRAINED
    assert edited("models/depth_net.py", "class ", "_ = 1\n\n\nclass ") == STUDENTS | MADE_OF_RUNS
    assert edited("evaluation/matching.py", '"""\n', '"""\n_ = 1\n') == {"scores", *MADE_OF_RUNS}
    assert edited("reporting/templates/report.html", "{%", " {%") == {"report"}
    assert edited("reporting/templates/page/page.css", ":root", " :root") == {"report"}


def test_words_move_no_key(edited: Callable[[str, str, str], set[str]]) -> None:
    assert edited("models/teacher.py", '"""', '"""Reworded. ') == set()
    assert edited("training/progress.py", "loss {loss:.4g}", "loss: {loss:.3g}") == set()
    assert edited("errors.py", "{where}: {message}", "{where} - {message}") == set()
    assert edited("files.py", "can't be written", "can not be written") == set()
    assert edited("training/devices.py", "this CPU run is in", "this run on a CPU is in") == set()


def _settings(unit: str) -> RunSettings:
    stage = stage_of(unit)
    return run_settings(load_study("smoke"), stage, unit if stage == "student" else None, 0)


def _trained_by(run: RunSettings) -> set[str]:
    return set(hashing.modules_of("train", hashing.run_modules(run)))


# -- what really runs ---------------------------------------------------------------------------------------------

# what leads up to a stage and keeps its record; the values that it hands over are in the key
AROUND = ("labeldistill.records.", "labeldistill.study.", "labeldistill.config.")


def _modules_run(work: Callable[[], Any]) -> set[str]:
    """Modules of the package of which a function was called while `work` ran."""
    files: set[str] = set()

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    ours = [Path(file).relative_to(PACKAGE) for file in files if file.startswith(str(PACKAGE))]
    return {"labeldistill." + ".".join(file.with_suffix("").parts) for file in ours}


@pytest.mark.parametrize("unit", ["teacher", "label-encoder", "full"])
def test_all_that_runs_in_a_training_is_hashed(runs: "Runs", tmp_path: Path, unit: str) -> None:
    from labeldistill.records.training_run import train_with_record
    from labeldistill.training.job import Execution

    run = runs.located(unit, folder=tmp_path / unit)
    ran = _modules_run(lambda: train_with_record(run, Execution(device="cpu"), study="t", variant=unit))
    assert len(ran) > 40
    missing = ran - _trained_by(run.settings) - set(hashing.COMPUTE_NOTHING)
    assert {module for module in missing if not module.startswith(AROUND)} == set()


def test_all_that_runs_when_data_are_made_is_hashed(tmp_path: Path) -> None:
    from stage_runs import DATA, WORLD

    from labeldistill.config.data import DataSettings
    from labeldistill.data.infos import build_infos
    from labeldistill.synthetic.write import write_world

    world = tmp_path / "world"
    assert _modules_run(lambda: write_world(WORLD, world)) <= set(hashing.modules_of("synth"))
    data = DataSettings(dataroot=str(world), **DATA)
    ran = _modules_run(lambda: build_infos(data, world, tmp_path / "infos"))
    assert {m for m in ran if not m.startswith(AROUND)} <= set(hashing.modules_of("infos"))


def test_all_that_runs_when_a_run_is_predicted_and_scored_is_hashed(runs: "Runs", tmp_path: Path) -> None:
    from labeldistill.config.run_files import predictions_path
    from labeldistill.evaluation.score_run import score_run
    from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask
    from labeldistill.inference.predict import predict
    from labeldistill.training.job import Execution

    run = runs.settings("full")
    ran = _modules_run(lambda: predict(runs.located("full"), "val", tmp_path, Execution(device="cpu")))
    # predictions lie under the key of their run, which holds what the training hashes
    hashed = {*hashing.modules_of("predict"), *_trained_by(run), *hashing.COMPUTE_NOTHING}
    assert {module for module in ran if not module.startswith(AROUND)} <= hashed
    files = {weights: predictions_path(tmp_path, weights) for weights in ("raw", "ema")}
    task = ScoringTask(runs.root / "world", run.data.version, "synth_val")
    ran = _modules_run(lambda: score_run(files, task, tmp_path / "scores", ScoringOptions(split_name="val")))
    hashed = {*hashing.modules_of("evaluate"), *hashing.COMPUTE_NOTHING}
    assert {module for module in ran if not module.startswith(AROUND)} <= hashed


def test_stages_depend_on_their_own_code_only() -> None:
    student, teacher = (_trained_by(_settings(unit)) for unit in ("full", "teacher"))
    assert "labeldistill.synthetic.write" not in student
    assert "labeldistill.distillation.model" not in teacher
    assert "labeldistill.fitnet.student" not in student
    assert not any(".reporting" in module or ".cli" in module for module in {*student, *teacher})
