"""Reading a study: YAML with single inheritance (`extends`), validated with the file and key named."""

import os
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labeldistill.config.study import StudySettings
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError

Tree = dict[str, Any]


def studies_folder() -> Path:
    """The folder of study files: LABELDISTILL_STUDIES, `workflow/config` here, or the checkout's own."""
    if chosen := os.environ.get("LABELDISTILL_STUDIES"):
        return Path(chosen)
    here = Path("workflow/config")
    return here if here.is_dir() else Path(__file__).resolve().parents[2] / "workflow" / "config"


def start_file(value: str | Path) -> Path:
    """The file of start weights that a setting names: from the working folder, or else the checkout's own."""
    file = Path(value).expanduser()
    shipped = Path(__file__).resolve().parents[2] / file
    return shipped if not file.exists() and shipped.is_file() else file


def study_names() -> list[str]:
    """Names of the shipped studies; files starting with `_` are only there to be extended."""
    return sorted(p.stem for p in studies_folder().glob("*.yaml") if not p.name.startswith("_"))


def _study_file(name: str) -> Path:
    direct = Path(name)
    if direct.suffix in {".yaml", ".yml"}:
        if not os.path.isfile(direct):  # noqa: PTH113  Path.is_file raises on a name that no file can have
            raise InputError("no such study file", file=direct)
        return direct
    file = studies_folder() / f"{name}.yaml"
    if not os.path.isfile(file):  # noqa: PTH113  as above
        raise InputError(f"unknown study; known: {', '.join(study_names())}", file=file, key="study")
    return file


def _read(file: Path) -> Tree:
    tree = read_yaml(file) or {}
    if not isinstance(tree, dict):
        raise InputError("a study file must be a mapping of settings", file=file)
    _refuse_other_keys(tree, file)
    return tree


def _refuse_other_keys(tree: Any, file: Path) -> None:
    """Refuse keys that YAML reads as a number, a date or a truth value: the name of a setting is text."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if not isinstance(key, str):
                raise InputError(
                    f"the name of a setting must be text, but YAML reads this as {type(key).__name__}",
                    file=file,
                    key=f"{key}",
                )
            _refuse_other_keys(value, file)
    elif isinstance(tree, list):
        for value in tree:
            _refuse_other_keys(value, file)


def _chain(name: str) -> list[tuple[Path, Tree]]:
    """The study's file and its ancestors, child first."""
    chain: list[tuple[Path, Tree]] = []
    file: Path | None = _study_file(name)
    while file is not None:
        if file.resolve() in [seen.resolve() for seen, _ in chain]:
            circle = " -> ".join(f.stem for f, _ in chain) + f" -> {file.stem}"
            raise InputError(f"a study can't extend itself ({circle})", file=chain[-1][0], key="extends")
        tree = _read(file)
        parent = tree.pop("extends", None)
        chain.append((file, tree))
        if parent is None:
            return chain
        nearby = file.with_name(f"{parent}.yaml")
        if not nearby.is_file():
            raise InputError(f"extends `{parent}`, but there is no {nearby.name} beside it", file=file, key="extends")
        file = nearby
    return chain


def parent_names(name: str) -> list[str]:
    """The study `name` and the studies that it extends, nearest first; only its name where there is no such file."""
    try:
        return [file.stem for file, _ in _chain(name)]
    except InputError:
        return [name]


def _merge(parent: Tree, child: Tree) -> Tree:
    """Merge the child into the parent, mapping by mapping; a key written `key!` replaces the parent's whole mapping."""
    merged = dict(parent)
    for key, value in child.items():
        if key.endswith("!"):
            merged[key[:-1]] = value
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _owner(chain: list[tuple[Path, Tree]], location: tuple[int | str, ...]) -> Path:
    """The file of the chain that sets `location`, or the deepest part of it that any file sets."""
    for depth in range(len(location), 0, -1):
        for file, tree in chain:
            node: Any = tree
            for part in location[:depth]:
                node = node.get(part, node.get(f"{part}!")) if isinstance(node, dict) else None
            if node is not None:
                return file
    return chain[0][0]


def validated(tree: Tree, chain: list[tuple[Path, Tree]]) -> StudySettings:
    """Validate a merged tree; the first problem becomes one message with file and dotted key.

    Raises:
        InputError: any unknown, missing or wrong setting.
    """
    try:
        return StudySettings.model_validate(tree)
    except ValidationError as error:
        problem = error.errors()[0]
        location = tuple(part for part in problem["loc"] if part != "[key]")
        message = problem["msg"].removeprefix("Value error, ")
        if named := re.match(
            r"`([\w.]+)`", message
        ):  # the message of a check over several settings begins with the name of the wrong one
            location += tuple(named[1].split("."))
        if problem["type"] == "extra_forbidden":
            message = "unknown setting"
        elif problem["type"] != "missing" and not isinstance(problem["input"], dict):
            message += f" (got {_short(problem['input'])})"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        key = ".".join(map(str, location)) or None
        raise InputError(message + more, file=_owner(chain, location), key=key) from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def load_study(name: str) -> StudySettings:
    """Read the study `name` (a file of the studies folder) or a path to a YAML file.

    Raises:
        InputError: unknown study, circular or missing parent, unknown or wrong setting.
    """
    chain = _chain(name)
    tree: Tree = {}
    for _, part in reversed(chain):
        tree = _merge(tree, part)
    tree.setdefault("name", chain[0][0].stem)
    return validated(tree, chain)
