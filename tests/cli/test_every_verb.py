"""Every verb on every kind of bad input: a message and an exit code, never a traceback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.cli.verbs import VERBS

BAD: dict[str, bytes] = {
    "empty": b"",
    "no text": b"\xff\xfe\x00\x80" * 40,
    "nested": b"[" * 3000,
    "aliases": b"a: &a [x, x]\n" + b"\n".join(b"k%d: &k%d [*a, *a]" % (n, n) for n in range(20)),
    "settings": b"extends: smoke\nseeds: [1.0e+20]\nvariants: 3\n",
}


def _commands() -> Iterator[tuple[str, ...]]:
    for verb in VERBS:
        command: Any = typer.main.get_command(build(verb)).commands[verb]  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        yield from ((verb, name) for name in inner) if inner else [(verb,)]


def _arguments(words: tuple[str, ...], bad: Path, folder: Path) -> list[str]:
    """What a verb asks for, with the bad file wherever it takes a study or a file."""
    command: Any = typer.main.get_command(build(words[0])).commands[words[0]]  # type: ignore[attr-defined]
    command = command.commands[words[1]] if len(words) > 1 else command
    given = list(words)
    for parameter in command.params:
        options = [name for name in parameter.opts if name.startswith("--")]
        if "--results" in options:
            given += ["--results", str(folder / "results")]
        elif "--study" in options:
            given += ["--study", str(bad)]
        elif parameter.required or parameter.name in ("study", "file", "predictions"):
            value = "teacher" if parameter.name == "unit" else str(bad)
            given += [options[0], value] if options else [value]
    return given


@pytest.mark.parametrize("words", sorted(_commands()), ids=" ".join)
def test_no_verb_ends_in_a_traceback(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in BAD.items():
        bad = tmp_path / f"{name.replace(' ', '-')}.yaml"
        bad.write_bytes(content)
        done = CliRunner().invoke(build(words[0]), _arguments(words, bad, tmp_path))
        assert isinstance(done.exception, SystemExit | None), (name, done.exc_info)
        assert "Traceback" not in done.output + done.stderr
        assert done.exit_code in (0, 1, 2), (name, done.output)
        assert done.exit_code == 0 or done.stderr.strip(), f"{name}: silent"
