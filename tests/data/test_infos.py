import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.data.infos import Infos, build_infos
from labeldistill.errors import InputError
from labeldistill.nuscenes.annotations import read_annotations
from labeldistill.nuscenes.key_frames import read_cameras, read_samples, read_scenes, read_sweeps
from labeldistill.nuscenes.tables import Tables

DATA = DataSettings(dataroot="x", version=VERSION, splits={"train": ("scene-0001",), "val": ("scene-0003",)})


def same(first, second) -> bool:
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype.kind == b.dtype.kind
        else:
            assert a.to_pylist() == b.to_pylist()
    return True


def test_an_index_holds_the_columns_of_the_tables(tiny: TinyWorld, infos: Infos):
    tables = Tables(tiny.root, VERSION)
    scenes = read_scenes(tables, {"train": ["scene-0001"], "val": ["scene-0003"], "tuning": ["scene-0001"]})
    samples = read_samples(tables, scenes)
    assert same(infos.scenes, scenes)
    assert same(infos.samples, samples)
    assert same(infos.cameras, read_cameras(tables, samples))
    assert same(infos.sweeps, read_sweeps(tables, samples, 5, 3))
    assert same(infos.annotations, read_annotations(tables, samples.token))


def test_rows_of_a_sample(infos: Infos):
    assert infos.split("train").tolist() == infos.split("tuning").tolist() == [0, 1, 2, 3]
    assert infos.split("val").tolist() == [4, 5, 6]
    for sample in range(7):
        assert set(infos.sweeps.sample[infos.sweeps_of(sample)]) == {sample}
        assert infos.sweeps.slot[infos.sweeps_of(sample).start] == 0
        assert set(infos.annotations.sample[infos.annotations_of(sample)]) == {sample}
        token = infos.samples.token[sample].as_py()
        assert all(token in file for file in infos.cameras.file.to_pylist()[infos.cameras_of(sample)])
    assert infos.sweeps_of(6).stop == len(infos.sweeps.file)
    assert infos.annotations_of(6).stop == len(infos.annotations.label)


def test_the_same_world_gives_the_same_bytes(tiny: TinyWorld, tmp_path: Path):
    sums = []
    for name in ("a", "b"):
        folder = build_infos(DATA, tiny.root, tmp_path / name, cache=tmp_path / f"cache-{name}")
        sums.append({f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())})
    assert sums[0] == sums[1]
    assert set(sums[0]) >= {"index.json", "depth.bin", "samples.parquet"}


def test_progress_counts_samples(tiny: TinyWorld, tmp_path: Path):
    seen = []
    build_infos(DATA, tiny.root, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 7) for n in range(1, 8)]


def test_a_study_of_one_scene_needs_no_other_scenes_files(own: Path, tmp_path: Path):
    for path in [*own.rglob("scene-0003*.jpg"), *own.rglob("scene-0003*.bin")]:
        path.unlink()
    data = DATA.model_copy(update={"splits": {"train": ("scene-0001",), "val": ("scene-0001",)}})
    infos = Infos.open(build_infos(data, own, tmp_path / "infos"), own)
    assert len(infos.samples.token) == 4
    with pytest.raises(InputError, match=r"split `tuning` has no sample"):
        infos.split("tuning")
    with pytest.raises(InputError, match=r"no split `test`"):
        infos.split("test")


def test_an_unfinished_index_is_no_index(own: Path, tmp_path: Path):
    folder = build_infos(DATA, own, tmp_path / "infos")
    cloud = next(own.rglob("scene-0003_3.pcd.bin"))
    cloud.write_bytes(cloud.read_bytes()[:-7])
    with pytest.raises(InputError, match=r"scene-0003_3.pcd.bin: .*not a whole number of points"):
        build_infos(DATA, own, folder)
    with pytest.raises(InputError, match=r"index.json"):
        Infos.open(folder, own)


@pytest.mark.parametrize("name", ["index.json", "cameras.parquet", "depth.bin", "depth.parquet"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_index_names_the_file(tiny: TinyWorld, tmp_path: Path, name, damage):
    file = build_infos(DATA, tiny.root, tmp_path) / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        Infos.open(tmp_path, tiny.root)


def test_another_format_is_refused(tiny: TinyWorld, tmp_path: Path):
    build_infos(DATA, tiny.root, tmp_path)
    facts = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(facts | {"format": 0}))
    with pytest.raises(InputError, match="format"):
        Infos.open(tmp_path, tiny.root)


def test_the_dataroot_can_be_moved(own: Path, tmp_path: Path):
    folder = build_infos(DATA, own, tmp_path / "infos")
    assert str(own) not in (folder / "index.json").read_text()
    assert Infos.open(folder, tmp_path / "elsewhere").dataroot == tmp_path / "elsewhere"
    with pytest.raises(InputError, match="was not given"):
        Infos.open(folder, None)


def test_a_synthetic_world_is_found_beside_its_index_also_after_both_moved(own: Path, tmp_path: Path):
    data = DATA.model_copy(update={"synth": SynthSettings(), "dataroot": None})
    results = tmp_path / "results"
    results.mkdir()
    own.rename(results / "world")
    build_infos(data, results / "world", results / "infos")
    results.rename(tmp_path / "moved")
    assert Infos.open(tmp_path / "moved" / "infos", None).dataroot.resolve() == tmp_path / "moved" / "world"


def test_no_boxes_are_no_error(own: Path, tmp_path: Path):
    (own / VERSION / "sample_annotation.json").write_text("[]")  # as in the official test version
    infos = Infos.open(build_infos(DATA, own, tmp_path / "infos"), own)
    assert infos.annotations_of(3) == slice(0, 0)
