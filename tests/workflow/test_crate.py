"""The RO-Crate of a finished study: every link leads somewhere, every checksum is right, the profile is kept."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workplace import Workplace

pytest.importorskip("rocrate", reason="needs the extra `crate`")
pytestmark = pytest.mark.slow
Graph = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def crate(finished: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crate") / "nano"
    done = finished.run("labeldistill", "crate", "nano", "--out", str(out), "--weights")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def graph(crate: Path) -> Graph:
    tree = json.loads((crate / "ro-crate-metadata.json").read_text())
    assert tree["@context"] == [
        "https://w3id.org/ro/crate/1.1/context",
        "https://w3id.org/ro/terms/workflow-run/context",
    ]
    entities = {entity["@id"]: entity for entity in tree["@graph"]}
    assert len(entities) == len(tree["@graph"]), "an identifier appears twice"
    return entities


def links(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "@id" in value:
        yield value["@id"]
    for part in value if isinstance(value, list) else []:
        yield from links(part)


def types(entity: dict[str, Any]) -> list[str]:
    return entity["@type"] if isinstance(entity["@type"], list) else [entity["@type"]]


def actions(graph: Graph) -> list[dict[str, Any]]:
    return [entity for entity in graph.values() if "CreateAction" in types(entity)]


def test_every_link_leads_to_an_entity(graph: Graph) -> None:
    outside = {"identifier", "url"}  # addresses of web pages
    used = {
        link
        for entity in graph.values()
        for name, value in entity.items()
        for link in links(value)
        if name not in outside
    }
    assert used - {*graph} == {"https://w3id.org/ro/crate/1.1"}  # the specification: named, not described


def test_every_file_is_there_with_its_checksum_and_none_is_left_out(crate: Path, graph: Graph) -> None:
    told = {id_: entity for id_, entity in graph.items() if "File" in types(entity)}
    there = {str(file.relative_to(crate)) for file in crate.rglob("*") if file.is_file()}
    assert there == {*told, "ro-crate-metadata.json"}
    assert set(links(graph["./"]["hasPart"])) == set(told)
    for id_, entity in told.items():
        content = (crate / id_).read_bytes()
        if "ComputationalWorkflow" not in types(entity):
            assert entity["sha256"] == hashlib.sha256(content).hexdigest(), id_
            assert int(entity["contentSize"]) == len(content), id_


def test_what_the_profiles_demand(graph: Graph) -> None:
    root, metadata = graph["./"], graph["ro-crate-metadata.json"]
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    assert set(links(metadata["about"])) == {"./"}
    assert "https://w3id.org/ro/crate/1.1" in links(metadata["conformsTo"])
    for profile in ("process/0.5", "workflow/0.5"):
        id_ = f"https://w3id.org/ro/wfrun/{profile}"
        assert id_ in links(root["conformsTo"])
        assert types(graph[id_]) == ["CreativeWork"]
    workflow = graph[next(links(root["mainEntity"]))]
    assert set(types(workflow)) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert types(graph[next(links(workflow["programmingLanguage"]))]) == ["ComputerLanguage"]
    assert {action["@id"] for action in actions(graph)} == set(links(root["mentions"]))
    for action in actions(graph):
        tool = graph[next(links(action["instrument"]))]
        assert {"SoftwareApplication", "ComputationalWorkflow"} & set(types(tool))
        assert list(links(action["result"]))
        assert action["name"]
    assert [a["@id"] for a in actions(graph) if next(links(a["instrument"])) == workflow["@id"]] == ["#study"]


def test_it_tells_what_was_made_of_what(finished: Workplace, graph: Graph) -> None:
    records: dict[str, Any] = {unit: record for (unit, _), record in finished.records().items()}
    assert len(actions(graph)) == 2 * len(records) + 1
    ema = {unit: record["weights"]["ema"]["sha256"] for unit, record in records.items()}
    parents = {"full": {ema["teacher"], ema["label-encoder"]}, "label-encoder": {ema["teacher"]}}
    for unit, record in records.items():
        training = graph[f"#train-{record['run_key']}"]
        assert training["endTime"] == record["finished"]
        made = {graph[link].get("sha256") for link in links(training["result"])}
        assert made >= {weights["sha256"] for weights in record["weights"].values()}
        used = {graph[link].get("sha256") for link in links(training["object"])}
        assert used & set(ema.values()) == parents.get(unit, set())


def test_the_groups_own_reader_opens_it(crate: Path) -> None:
    from rocrate.rocrate import ROCrate

    read = ROCrate(crate)
    assert read.mainEntity.id == "workflow/Snakefile"
    assert {action.type for action in read.root_dataset["mentions"]} == {"CreateAction"}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in {profile.id for profile in read.root_dataset["conformsTo"]}


def test_nothing_is_overwritten_and_a_full_disk_leaves_nothing(
    finished: Workplace, crate: Path, tmp_path: Path
) -> None:
    again = finished.run("labeldistill", "crate", "nano", "--out", str(crate))
    assert again.returncode == 2
    assert "already exists" in again.stderr
    full = finished.run("labeldistill", "crate", "nano", "--out", str(tmp_path / "new"), largest_file=16)
    assert full.returncode == 2, full.stderr
    assert len(full.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_those_of_the_record_are_refused(finished: Workplace, tmp_path: Path) -> None:
    file = next(finished.folder.glob("results/nano/full/seed-3/*/weights-ema.safetensors"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        done = finished.run("labeldistill", "crate", "nano", "--out", str(tmp_path / "new"), "--weights")
    finally:
        file.write_bytes(content)
    assert done.returncode == 2
    assert "weights-ema.safetensors: weights.ema.sha256" in done.stderr
    assert not list(tmp_path.iterdir())
