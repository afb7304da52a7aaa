"""The house rules that a machine can check: rooms import only earlier rooms, small files, no imports in a circle."""

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "labeldistill"

# A room may import itself and any room on an earlier line.
FLOORS = [
    {"errors", "files", "geometry"},
    {"config"},
    {"ops"},
    {"nuscenes"},
    {"synthetic"},
    {"evaluation"},
    {"data"},
    {"models"},
    {"distillation"},
    {"fitnet"},
    {"training"},
    {"inference"},
    {"checks"},
    {"statistics"},
    {"study"},
    {"claims"},
    {"records"},
    {"planning"},
    {"monitor"},
    {"compare"},
    {"judging"},
    {"cluster"},
    {"reporting"},
    {"weights", "parity"},
    {"preflight"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported_rooms(path: Path) -> set[str]:
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        rooms |= {name.split(".")[1] for name in names if name.startswith("labeldistill.")}
    return rooms


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.name not in {"__init__.py"})


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_only_earlier_rooms(path: Path) -> None:
    later = {room for room in _imported_rooms(path) if LEVEL[room] > LEVEL[_room(path)]}
    assert not later, f"{path.relative_to(PACKAGE)} imports {later}, which come later in the house"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_has_25_to_350_lines(path: Path) -> None:
    """A shorter file is a fragment, unless it is the docstring of a room or a verb of the command line."""
    lines = len(path.read_text().splitlines())
    assert lines <= 350
    assert lines >= 25 or path.name == "__init__.py" or _room(path) == "cli"


def _module(path: Path) -> str:
    return ".".join(("labeldistill", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def _imported_modules(path: Path, modules: set[str]) -> set[str]:
    """Modules of the package that a file imports anywhere, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module)
    return found & modules


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {_module(path) for path in FILES}
    graph = {_module(path): _imported_modules(path, modules) for path in FILES}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


MOST_PARAMETERS, MANY_PARAMETERS, MOST_OF_MANY = 7, 5, 0.02


def _parameters() -> list[tuple[str, int]]:
    """Every function with its number of parameters; the options of a verb are parameters and don't count."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and _room(path) != "cli":
                names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                found.append((f"{path.relative_to(PACKAGE)}: {node.name}", len(set(names) - {"self", "cls"})))
    return found


def test_no_function_has_more_than_seven_parameters_and_few_have_more_than_five() -> None:
    counts = _parameters()
    assert [name for name, count in counts if count > MOST_PARAMETERS] == []
    assert sum(count > MANY_PARAMETERS for _, count in counts) / len(counts) <= MOST_OF_MANY


MOST_WITHOUT_ARGS = 3


def _undocumented(tree: ast.Module) -> list[str]:
    """Public functions of a module with more than three parameters whose docstring (or class's) has no `Args:`."""
    found: list[str] = []

    def look(body: list[ast.stmt], prefix: str, outer: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                look(node.body, f"{prefix}{node.name}.", ast.get_docstring(node) or "")
            elif isinstance(node, ast.FunctionDef):
                init = node.name == "__init__"
                names = {each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
                doc = (ast.get_docstring(node) or "") + (outer if init else "")
                public = init or not node.name.startswith("_")
                if public and len(names - {"self", "cls"}) > MOST_WITHOUT_ARGS and "Args:" not in doc:
                    found.append(prefix + node.name)

    look(tree.body, "", "")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_functions_with_more_than_three_parameters_describe_them(path: Path) -> None:
    """Options of a verb are described in its help."""
    assert _room(path) == "cli" or _undocumented(ast.parse(path.read_text())) == []


def test_the_rule_can_fail() -> None:
    source = (
        'def f(a, b, c, d):\n    """No."""\n\nclass C:\n    """Args: yes."""\n    def __init__(self, a, b, c, d): ...\n'
    )
    assert _undocumented(ast.parse(source)) == ["f"]
    assert LEVEL["models"] < LEVEL["training"] < LEVEL["cli"]
    assert _imported_rooms(PACKAGE / "cli" / "predict.py") >= {"study", "inference"}
