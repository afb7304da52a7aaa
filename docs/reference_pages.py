"""Pages of the reference, made from the code when the site is built: settings, verbs, results."""

import ast
import importlib
import inspect
import itertools
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_MODULES = ("study", "data", "grid", "model", "training", "switches", "verdict")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site (a hook of MkDocs)."""
    for name, text in (("settings", settings_page()), ("verbs", verbs_page()), ("results", results_page())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def settings_page() -> str:
    """Every setting of a study file, from the models that check it."""
    from labeldistill.config.base import Settings

    parts = [
        "# Settings",
        "What can stand in a file of `workflow/config`. A file says only what differs from the one that it `extends`; "
        "`!` after a key replaces instead of merging. An unknown key is an error that names it.",
    ]
    for name in _MODULES:
        module = importlib.import_module(f"labeldistill.config.{name}")
        for model in vars(module).values():
            mine = inspect.isclass(model) and issubclass(model, Settings) and model.__module__ == module.__name__
            if mine and model.__name__ != "RunSettings":
                parts += list(_model(model))
    return "\n\n".join(parts) + "\n"


def _model(model: Any) -> Iterator[str]:
    words = _words(model)
    yield f"## {model.__name__.removesuffix('Settings') or model.__name__}"
    yield inspect.getdoc(model) or ""
    rows = ["| setting | type | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _value(field.get_default(call_default_factory=True))
        rows.append(
            f"| `{name}` | `{_cell(_type(field.annotation))}` | `{_cell(default)}` | {_cell(words.get(name, ''))} |"
        )
    yield "\n".join(rows)


def _type(annotation: Any) -> str:
    """A type as a reader writes it: choices by their values, without constraints that an error explains."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin in (types.UnionType, typing.Union):
        return " or ".join("none" if each is type(None) else _type(each) for each in arguments)
    name = getattr(origin or annotation, "__name__", str(annotation)).removesuffix("Settings")
    inner = ", ".join("..." if each is Ellipsis else _type(each) for each in arguments)
    return f"{name}[{inner}]" if inner else name


def _value(default: Any) -> str:
    return (
        f"see {type(default).__name__.removesuffix('Settings')}" if hasattr(default, "model_fields") else repr(default)
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _words(model: Any) -> dict[str, str]:
    """What the source says of each field: the string below it, or the comment beside it."""
    source = inspect.getsource(model)
    lines, body = source.splitlines(), ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for node, after in zip(body.body, [*body.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        _, _, comment = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")
        below = after.value if isinstance(after, ast.Expr) else None
        said = below.value if isinstance(below, ast.Constant) else comment
        found[node.target.id] = str(said)
    return found


def verbs_page() -> str:
    """Every verb of the command line with its options, from the functions behind them."""
    import typer.main

    from labeldistill.cli.main import build
    from labeldistill.cli.verbs import GROUPS

    parts = [
        "# Verbs",
        "`labeldistill VERB --help` says the same. Exit codes: 0 good, 1 a verdict, check or gate failed, 2 bad input.",
    ]
    for title, verbs in GROUPS.items():
        parts.append(f"## {title}")
        for name in verbs:
            group: Any = typer.main.get_command(build(name))
            parts += list(_verb(name, group.commands[name]))
    return "\n\n".join(parts) + "\n"


def _verb(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        for sub, each in command.commands.items():
            yield from _verb(f"{name} {sub}", each)
        return
    text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    yield f"### {name}"
    yield text.strip().replace("<", "&lt;")
    if example:
        yield f"```bash\n{example.strip()}\n```"
    rows = ["| | |", "|---|---|"]
    for parameter in command.params:
        shown = (
            ", ".join(f"`{option}`" for option in parameter.opts)
            if parameter.param_type_name == "option"
            else f"`{parameter.name.upper()}`"
        )
        rows.append(f"| {shown} | {_cell(getattr(parameter, 'help', None) or '')} |")
    if len(rows) > 2:
        yield "\n".join(rows)


def results_page() -> str:
    """The files of a study, and what a run's record holds, from its schema."""
    from labeldistill.records import gather_rows

    schema = json.loads((ROOT / "workflow/schemas/run_record.schema.json").read_text(encoding="utf-8"))
    said = ast.parse(inspect.getsource(gather_rows)).body
    columns = next(
        str(after.value.value)
        for node, after in itertools.pairwise(said)
        if isinstance(node, ast.Assign)
        and getattr(node.targets[0], "id", "") == "COLUMNS"
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    )
    rows = ["| entry | |", "|---|---|"]
    rows += [f"| `{name}` | {_cell(_about(entry))} |" for name, entry in schema["properties"].items()]
    names = ", ".join(f"`{column}`" for column in gather_rows.COLUMNS)
    return "\n\n".join(
        [
            "# Results",
            "`results/<study>/<unit>/seed-<n>/<run key>/` holds a run: weights, event log, `record.json`, and below "
            "`predictions-*` its detections and scores. `results/<study>/arbitrated/` keeps what nuscenes-devkit "
            "confirmed, by the content of the scores. `reports/<study>/<version>/` holds a report: `index.html`, "
            "`table.csv`, `records.json`, `summary.json`, and `figures/` with the numbers of each figure as CSV.",
            "## The table",
            f"`table.csv`, or `labeldistill gather STUDY --format csv`: {names}.",
            columns.strip(),
            "## A run's record",
            f"{schema['description']} The schema is `workflow/schemas/run_record.schema.json`.",
            "\n".join(rows) + "\n",
        ]
    )


def _about(entry: Any) -> str:
    return str(entry.get("description", "")) or str(entry.get("$ref", "")).partition("#")[0]
