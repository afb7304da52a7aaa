"""Any YAML file gives plain values or one error message within seconds."""

import time
from pathlib import Path

import pytest

from labeldistill.config.load import load_study
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
BAD = {
    "nested flow": "a: " + "[" * 3000 + "]" * 3000,
    "nested mappings": "a: " + "{b: " * 3000 + "1" + "}" * 3000,
    "nested by indentation": "".join(f"{' ' * n}a:\n" for n in range(1000)),
    "aliases that explode": BOMB,
    "an alias in itself": "a: &a [*a]",
    "a mapping in itself": "a: &a {b: *a}",
    "aliases one in the other": "a0: &a0 1\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)),
    "a key twice": "seeds: [0]\nseeds: [1]\n",
    "no date": "a: 2001-99-99",
    "a number of 5000 digits": "a: " + "9" * 5000,
    "Python": "a: !!python/object/apply:os.system ['touch pwned']",
    "an open quote": "a: 'b",
    "a tab": "a:\n\t- b",
    "control characters": "a: \x07",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_bad_yaml_is_one_message(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "study.yaml"
    file.write_text(text)
    begun = time.monotonic()
    for read in (read_yaml, lambda file: load_study(str(file))):
        with pytest.raises(InputError, match=r"study\.yaml: not valid YAML") as error:
            read(file)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 500
    assert time.monotonic() - begun < 5
    assert not (tmp_path / "pwned").exists()


def test_bytes_that_are_no_text_and_folders_are_one_message(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.yaml").mkdir()
    for name in ("bytes.yaml", "folder.yaml", "missing.yaml"):
        with pytest.raises(InputError, match=name):
            read_yaml(tmp_path / name)
    (tmp_path / "large.yaml").write_text("# " + "x" * 5 * 2**20)
    with pytest.raises(InputError, match="more than 4 MiB"):
        read_yaml(tmp_path / "large.yaml")


def test_aliases_and_merge_keys_still_work(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("a: &a {x: 1, y: [2, 3]}\nb: {<<: *a, x: 4}\nc: [*a, *a]\n")
    a = {"x": 1, "y": [2, 3]}
    assert read_yaml(tmp_path / "good.yaml") == {"a": a, "b": {**a, "x": 4}, "c": [a, a]}


@pytest.mark.parametrize("key", ["1", "true", "2001-01-01", "null", "1.5"])
def test_a_setting_that_yaml_reads_as_no_text_is_named(key: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(f"variants:\n  {key}: {{terms: {{detection: 1.0}}}}\n")
    with pytest.raises(InputError, match=r"own\.yaml: .*the name of a setting must be text"):
        load_study(str(tmp_path / "own.yaml"))
