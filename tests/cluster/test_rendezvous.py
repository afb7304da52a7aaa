"""A training learns its rank among machines from what started it; copies without one are refused."""

from pathlib import Path

import pytest

from labeldistill.cluster.rendezvous import set_rendezvous_env
from labeldistill.errors import InputError

STEP = {
    **{"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_NODEID": "1"},
    **{"SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_JOB_NODELIST": "gpu[06-08]"},
    **{"SLURM_JOB_ID": "4321", "SLURM_STEP_ID": "3"},
}
HAND = {"NODE_RANK": "1", "MASTER_ADDR": "gpu07", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def scontrol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Answers as Slurm's own does for one list of hosts, and knows no other."""
    tool = tmp_path / "scontrol"
    tool.write_text('#!/bin/sh\n[ "$*" = "show hostnames gpu[07-08]" ] || exit 1\necho gpu07\necho gpu08\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tool


@pytest.mark.parametrize(
    ("nodes", "environment", "words"),
    [
        (1, {"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2"}, r"each of 1 machine\(s\), not 8 on 2;"),
        (1, {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1"}, r"each of 1 machine\(s\), not 2 on 1;"),
        (2, {**STEP, "SLURM_STEP_NUM_NODES": "1"}, r"each of 2 machine\(s\), not 2 on 1;"),
        (2, {**STEP, "SLURM_STEP_NUM_TASKS": "8"}, "srun --nodes=2 --ntasks=2 --ntasks-per-node=1"),
        (3, STEP, r"each of 3 machine\(s\), not 2 on 2;"),
        (1, {"GROUP_WORLD_SIZE": "2", "WORLD_SIZE": "16"}, "torchrun started a training on several machines"),
        (2, {"GROUP_WORLD_SIZE": "2", **HAND}, "torchrun started a training on several machines"),
        (2, {}, "needs NODE_RANK, MASTER_ADDR, MASTER_PORT: start it with srun --nodes=2"),
        (2, {"SLURM_STEP_NUM_TASKS": "1", "MASTER_ADDR": "gpu07"}, "needs NODE_RANK, MASTER_PORT"),
        (2, {**HAND, "NODE_RANK": "2"}, "NODE_RANK.* is 2, but the training has 2 machine"),
        (1, {"NODE_RANK": "1"}, "NODE_RANK.* is 1, but the training has 1 machine"),
        (2, {**HAND, "NODE_RANK": "first"}, "NODE_RANK.* is `first`"),
        (2, {**HAND, "MASTER_PORT": "70000"}, "MASTER_PORT.* is 70000, which is not a port"),
        (2, {**STEP, "SLURM_STEP_NODELIST": "other[1-2]"}, r"MASTER_ADDR.*no hosts of .*other\[1-2\]"),
    ],
)
def test_what_can_not_work_is_told(nodes: int, environment: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        set_rendezvous_env(nodes, dict(environment))
    assert told.value.exit_code == 2


def test_without_slurms_tools_the_address_must_be_set(scontrol: Path) -> None:
    scontrol.unlink()
    with pytest.raises(InputError, match="MASTER_ADDR"):
        set_rendezvous_env(2, dict(STEP))
    here = {**STEP, "MASTER_ADDR": "10.0.0.7"}
    set_rendezvous_env(2, here)
    assert here["MASTER_ADDR"] == "10.0.0.7"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_NUM_NODES": "4", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "1"},  # one of several steps
        {"LOCAL_RANK": "1", "WORLD_SIZE": "2", "NODE_RANK": "0"},  # a helper process of ours
    ],
)
def test_one_machine_needs_nothing(environment: dict[str, str]) -> None:
    before = dict(environment)
    set_rendezvous_env(1, environment)
    assert environment == before


def test_a_step_of_slurm_says_who_is_who() -> None:
    places = [{**STEP, "SLURM_NODEID": number} for number in ("0", "1")]
    for place in places:
        set_rendezvous_env(2, place)
    assert [place["NODE_RANK"] for place in places] == ["0", "1"]
    assert {place["MASTER_ADDR"] for place in places} == {"gpu07"}
    (port,) = {int(place["MASTER_PORT"]) for place in places}
    assert 1024 < port < 32_768
    beside = {**STEP, "SLURM_STEP_ID": "4"}
    set_rendezvous_env(2, beside)
    assert beside["MASTER_PORT"] != str(port)
    again = dict(places[1])  # what a helper process inherits
    set_rendezvous_env(2, again)
    assert again == places[1]


def test_what_is_set_by_hand_is_taken() -> None:
    here = dict(HAND)
    set_rendezvous_env(2, here)
    assert here == HAND
