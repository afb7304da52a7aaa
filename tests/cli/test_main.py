"""The command line as a user meets it: help with an example for every verb, one line for a mistake, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labeldistill.cli.verbs import GROUPS, VERBS

ROOT = Path(__file__).resolve().parents[2]


def labeldistill(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labeldistill.cli.main", *arguments]
    env = {**os.environ, "COLUMNS": "120", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    shown = labeldistill(verb, "--help")
    assert shown.returncode == 0, shown.stderr
    assert f"labeldistill {verb}" in shown.stdout, "the help shows no example"


def test_the_help_page_lists_every_verb_and_the_exit_codes() -> None:
    shown = labeldistill("--help")
    assert all(verb in shown.stdout for verb in VERBS)
    assert "130" in shown.stdout


def test_the_help_page_groups_the_verbs_by_what_one_wants() -> None:
    lines = labeldistill("--help").stdout.splitlines()
    places = [lines.index(f"{title}:") for title in GROUPS]
    assert places == sorted(places)
    assert places[0] < next(n for n, line in enumerate(lines) if line.startswith("  plan ")) < places[1]


def test_a_shell_completes_verbs_and_the_options_of_a_verb() -> None:
    def completed(words: str) -> set[str]:
        asked = {"_LABELDISTILL_COMPLETE": "complete_bash", "COMP_WORDS": words}
        script = "import sys; sys.argv = ['labeldistill']; from labeldistill.cli.main import run; run()"
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **asked, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        )
        return set(done.stdout.split())

    assert completed("labeldistill prefl") == {"preflight"}
    assert "--watch" in completed("labeldistill status smoke --w")


def test_json_is_short_for_format_json() -> None:
    short, long = (
        labeldistill("model", "summary", "smoke", "--json"),
        labeldistill("model", "summary", "smoke", "-f", "json"),
    )
    assert short.returncode == 0, short.stderr
    assert json.loads(short.stdout) == json.loads(long.stdout)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("gather", "nobody"), "nobody.yaml"),
        (("train", "nobody", "--study", "smoke"), "nobody"),
        (("train", "full", "--study", "smoke", "--seed", "77"), "77"),
        (("train", "full", "--study", "smoke", "--key", "000000000000"), "000000000000"),
        (("check", "smoke", "--results", "no/such/folder"), "no/such/folder"),
        (("parity", "no/such/folder"), "no/such/folder"),
        (("show", "smoke", "--reports", "no/such/folder"), "no/such/folder"),
        (("synth", "--study", "real-frame"), "data"),
        (("plan", "smoke", "--results", "x" * 300), "File name too long"),
        (("plan", "x" * 300), "unknown study"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    result = labeldistill(*arguments)
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert named in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [("no-such-verb",), ("train", "full", "--study", "smoke", "--seed", "-1")])
def test_a_wrong_call_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert labeldistill(*arguments).returncode == 2


def test_no_data_root_says_what_to_look_for(tmp_path: Path) -> None:
    result = labeldistill("infos", "--study", "paper-r50-3f", cwd=tmp_path)
    assert result.returncode == 2
    assert "data/nuscenes/v1.0-trainval" in result.stderr
    assert "dataroot" in result.stderr


def test_tables_and_verdicts_are_shown_without_what_trains_and_draws() -> None:
    """What only drawing needs took four fifths of the processor time of `show`."""
    script = (
        "import sys\nimport labeldistill.cli.show_text, labeldistill.claims.evidence, labeldistill.reporting.sources\n"
        "print(sorted({'torch', 'matplotlib', 'seaborn', 'scipy.stats', 'nuscenes'} & set(sys.modules)))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
