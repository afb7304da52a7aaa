"""The `labeldistill` command: one file per verb, imported only when called; errors become one line and an exit code."""

import functools
import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

# One thread per process by default, set before NumPy or torch are imported: on a loaded machine, two single-thread
# jobs side by side do several times the work of one job with two threads.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, os.environ.get("LABELDISTILL_THREADS", "1"))

import typer  # noqa: E402
import typer.core  # noqa: E402

from labeldistill import __version__  # noqa: E402
from labeldistill.cli.disk_errors import as_input_error  # noqa: E402
from labeldistill.cli.verbs import GROUPS, VERBS  # noqa: E402
from labeldistill.errors import LabelDistillError  # noqa: E402

INTERRUPTED = 130
_SHORT = {"--json": ("--format", "json"), "--html": ("--format", "html")}
INTERRUPTED_TEXT = "labeldistill: interrupted; no partial file counts as a result"

Verb = Callable[..., Any]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Reproduce LabelDistill (ECCV 2024): four variants across seeds, scored by the devkit, with verdicts.

    `--json` and `--html` after a verb with `--format` are short for `--format json` and `--format html`.
    `--install-completion` completes verbs and options in your shell.

    Exit codes: 0 good, 1 a verdict, check or gate failed, 2 bad input, 130 interrupted.
    """


def with_exit_codes(verb: Verb) -> Verb:
    """Wrap a verb: a LabelDistillError or a full disk is one line on stderr and its exit code, Ctrl-C is 130."""

    @functools.wraps(verb)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            with as_input_error():
                return verb(*args, **kwargs)
        except LabelDistillError as error:
            typer.echo(f"labeldistill: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            typer.echo(INTERRUPTED_TEXT, err=True)
            raise typer.Exit(INTERRUPTED) from error

    return wrapped


def _unloaded() -> None:
    """Placeholder for a verb that was not called, which only fills a line of the help page."""


class _Grouped(typer.core.TyperGroup):
    """Verbs in the help page under what one wants."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One section per group, in the order of the table."""
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in verbs.items()])


def build(wanted: str | None) -> typer.Typer:
    """The application with verb `wanted` imported and only the help line of every other verb."""
    app = typer.Typer(cls=_Grouped, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_root)
    for name, (module, summary) in VERBS.items():
        if name == wanted:
            _add(app, name, importlib.import_module(module), summary)
        else:
            app.command(name, short_help=summary)(_unloaded)
    return app


def _add(app: typer.Typer, name: str, module: ModuleType, summary: str) -> None:
    """Add a verb: the module's function of that name, or its Typer `app` of sub-verbs."""
    group = getattr(module, "app", None)
    if group is None:
        verb = getattr(module, name.replace("-", "_"))
        app.command(name, short_help=summary, context_settings=getattr(module, "CONTEXT", None))(with_exit_codes(verb))
        return
    for command in group.registered_commands:
        assert command.callback is not None
        command.callback = with_exit_codes(command.callback)
    app.add_typer(group, name=name, short_help=summary)


def run() -> None:
    """Entry point of the console script."""
    # what a shell asks to complete comes in the environment, and its words name the verb as a command line would
    asked = os.environ.get("_TYPER_COMPLETE_ARGS", os.environ.get("COMP_WORDS", "")).split()[1:]
    wanted = next((argument for argument in (*sys.argv[1:], *asked) if not argument.startswith("-")), None)
    sys.argv[1:] = [part for word in sys.argv[1:] for part in _SHORT.get(word, (word,))]
    try:
        build(wanted)()
    except KeyboardInterrupt:  # Ctrl-C while the verb's modules are imported
        typer.echo(INTERRUPTED_TEXT, err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
