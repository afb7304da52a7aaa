"""A checkpoint trained elsewhere becomes a run of a study: strictly, whole or not at all, never as one of its own."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from planted_results import AGREED, benchmark, finish, score_rows
from torch import Tensor

from labeldistill.claims.claims import load_claims
from labeldistill.config.load import load_study
from labeldistill.errors import InputError
from labeldistill.inference.predict import load_run
from labeldistill.records import gather as gathering
from labeldistill.records.gather import gather
from labeldistill.reporting.paper_table import main_table
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.study import plan as planning
from labeldistill.study.confirmed import confirm, of_run
from labeldistill.study.plan import StudyPlan
from labeldistill.training.recipe import build_model, untrained_model
from labeldistill.weights.adopt import adopt
from labeldistill.weights.layouts import Layout, is_sparse, to_layout

pytestmark = pytest.mark.slow

State = dict[str, Tensor]


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    return StudyPlan(load_study("smoke"), tmp_path / "results", tmp_path / "reports")


def _state(plan: StudyPlan, unit: str = "full", seed: int = 5) -> State:
    """What a training of this unit ends with, its teachers beside it; the weights are those of another seed."""
    run = plan.adoptable(unit, seed)
    torch.manual_seed(seed)
    model = build_model(run, inference=True) if unit == "teacher" else untrained_model(run)
    return dict(model.state_dict())


def _file(folder: Path, state: State, wrap: str = "model.", **more: Any) -> Path:
    torch.save({"state_dict": {wrap + n: v for n, v in state.items()}, **more}, folder / "29.pth")
    return folder / "29.pth"


def test_the_run_holds_the_file_s_weights_and_says_where_they_came_from(plan: StudyPlan, tmp_path: Path) -> None:
    state = _state(plan)
    file = _file(tmp_path, state, "model.module.")
    record = adopt(plan, file, "full", seed=3, source="model zoo")
    run = plan.run("full", 3, record["run_key"])
    assert (run.origin, run.weights, run.folder.parent.name) == ("adopted", ("ema",), "seed-3")
    model, about = load_run(run.located(plan.infos), "ema")
    loaded = model.state_dict()
    assert {n: v.tolist() for n, v in loaded.items()} == {n: state[n].tolist() for n in loaded}
    assert about["adopted"]["sha256"] == record["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert record["container"]["prefix"] == "model.module."
    assert record["weights_named_by"] == "nobody"
    assert set(record["left_out"]) == {"centerpoint", "label_encoder"}
    assert record["tensors"] == len(loaded)


def test_a_file_without_its_teachers_is_whole_but_half_a_teacher_is_not(plan: StudyPlan, tmp_path: Path) -> None:
    state = _state(plan)
    alone = {n: v for n, v in state.items() if not n.startswith(("centerpoint.", "label_encoder."))}
    assert adopt(plan, _file(tmp_path, alone), "full")["left_out"] == {}
    half = {n: v for n, v in state.items() if not n.startswith("centerpoint.pts_neck")}
    with pytest.raises(InputError, match=r"missing centerpoint\.pts_neck"):
        adopt(plan, _file(tmp_path, half), "full", seed=1)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_teacher_in_either_layout(plan: StudyPlan, tmp_path: Path, layout: Layout) -> None:
    state = _state(plan, "teacher")
    stored = {n: to_layout(v, layout) if is_sparse(n, tuple(v.shape)) else v for n, v in state.items()}
    record = adopt(plan, _file(tmp_path, stored, ""), "teacher", which="raw")
    model, _ = load_run(plan.adopted[0].located(plan.infos), "raw")
    assert all(torch.equal(v, state[n]) for n, v in model.state_dict().items())
    assert record["sparse_layout"] == layout.value


def test_start_weights_of_the_study_need_not_be_there(plan: StudyPlan, tmp_path: Path) -> None:
    study = plan.study
    student = study.student.model_copy(update={"pretrained_backbone": str(tmp_path / "nobody.safetensors")})
    other = StudyPlan(study.model_copy(update={"student": student}), plan.results)
    adopt(other, _file(tmp_path, _state(plan)), "full")
    assert other.predictions(other.adopted[0]).parent.name.startswith("predictions-val-")


def test_a_study_of_one_checkpoint_is_gathered_without_its_start_weights(
    plan: StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = plan.study.student.model_copy(update={"pretrained_backbone": str(tmp_path / "nobody.safetensors")})
    study, one = plan.study.model_copy(update={"student": student, "name": "mine"}), "mine"
    monkeypatch.setattr(planning, "load_study", lambda name: study)
    adopt(StudyPlan.load(one, plan.results), _file(tmp_path, _state(plan)), "full")
    mine = StudyPlan.of_results(one, plan.results)
    _scored(mine, 0.9)
    confirm(mine, of_run(mine, mine.adopted[0]), AGREED)
    assert set(gather(StudyPlan.of_results(one, plan.results))["variant"]) == {"full (adopted)"}
    with pytest.raises(InputError, match=r"nobody\.safetensors is missing"):
        gather(StudyPlan.load(one, plan.results))  # what trains stops at once
    (plan.results / "mine" / "full" / "seed-1" / "0a").mkdir(parents=True)
    (plan.results / "mine" / "full" / "seed-1" / "0a" / "record.json").write_text("{}")
    with pytest.raises(InputError, match=r"nobody\.safetensors is missing"):
        gather(StudyPlan.of_results(one, plan.results))  # as it would deny a run of its own


def _nan(state: State) -> None:
    state["head.task_heads.0.reg.0.conv.weight"][0, 0, 0, 0] = float("nan")


def _infinite_teacher(state: State) -> None:
    next(v for n, v in state.items() if n.startswith("centerpoint.") and v.dim() == 4)[0] = float("inf")


def _other_image(state: State) -> None:
    state["backbone.frustum"] = state["backbone.frustum"] * 0.5


def _other_grid(state: State) -> None:
    state["backbone.voxel_size"] = state["backbone.voxel_size"] * 2


def _extra(state: State) -> None:
    state["backbone.more"] = torch.ones(1)


@pytest.mark.parametrize(
    ("change", "unit", "asked", "said"),
    [
        (_nan, "full", {}, r"head\.task_heads.*: 1 of \d+ values are NaN or infinite \(1 tensors in all\)"),
        (_infinite_teacher, "full", {}, r"centerpoint\..* values are NaN or infinite"),
        (_other_image, "full", {}, r"backbone\.frustum: .*another image, depth range or BEV grid"),
        (_other_grid, "full", {}, r"backbone\.voxel_size: .*another image"),
        (_extra, "full", {}, r"unknown backbone\.more"),
        (None, "baseline", {}, "does not fit baseline of study smoke: .* unknown"),
        (None, "lidar-only", {}, r"unknown distill_encoder_label"),
        (None, "teacher", {}, "is a labeldistill checkpoint; teacher of study smoke takes centerpoint or"),
        (None, "nobody", {}, "no such variant; known: teacher, baseline"),
        (None, "label-encoder", {}, "no such variant"),
    ],
)
def test_what_does_not_fit_leaves_nothing(
    change: Callable[[State], None] | None, unit: str, asked: dict[str, Any], said: str, plan: StudyPlan, tmp_path: Path
) -> None:
    state = {n: v.clone() for n, v in _state(plan).items()}
    if change is not None:
        change(state)
    with pytest.raises(InputError, match=said) as caught:
        adopt(plan, _file(tmp_path, state), unit, **asked)
    assert "\n" not in str(caught.value)
    assert not [path for path in plan.results.rglob("*") if path.is_file()]


def test_another_depth_is_refused(plan: StudyPlan, tmp_path: Path) -> None:
    deeper = plan.study.student.model_copy(update={"backbone_depth": 34})
    other = StudyPlan(plan.study.model_copy(update={"student": deeper}), plan.results)
    with pytest.raises(InputError, match=r"does not fit full of study smoke: \d+ missing"):
        adopt(other, _file(tmp_path, _state(plan)), "full")


def test_ema_asked_for_where_a_training_kept_none(plan: StudyPlan, tmp_path: Path) -> None:
    file = _file(tmp_path, _state(plan), **{"pytorch-lightning_version": "1.6.0"})
    with pytest.raises(InputError, match="holds no ema weights, but raw weights"):
        adopt(plan, file, "full", which="ema")
    assert adopt(plan, file, "full")["weights"] == "raw"


def test_both_kinds_of_one_file_are_two_runs_of_one_seed(plan: StudyPlan, tmp_path: Path) -> None:
    state = _state(plan)
    average = {f"model.{n}": v.clone() for n, v in _state(plan, seed=6).items()}
    file = _file(tmp_path, state, ema_state_dict=average)
    with pytest.raises(InputError, match="say which: --weights raw or --weights ema"):
        adopt(plan, file, "full")
    keys = {which: adopt(plan, file, "full", which=which)["run_key"] for which in ("raw", "ema")}  # type: ignore[arg-type]
    assert keys["raw"] != keys["ema"]
    assert [run.weights for run in plan.adopted] == [("ema",), ("raw",)]


def test_one_file_is_no_two_runs(plan: StudyPlan, tmp_path: Path) -> None:
    file = _file(tmp_path, _state(plan))
    adopt(plan, file, "full")
    for seed, which in ((0, "ema"), (1, "ema"), (0, "raw"), (4, "raw")):
        with pytest.raises(InputError, match="was adopted before as"):
            adopt(plan, file, "full", seed=seed, which=which)  # type: ignore[arg-type]
    other = _file(tmp_path, _state(plan, seed=9))
    with pytest.raises(InputError, match="--seed: full seed 0 has adopted ema weights already"):
        adopt(plan, other, "full")
    adopt(plan, other, "full", seed=1)


def _score(unit: str, metric: str, seed: int) -> float:
    return {"baseline": 0.30, "full": 0.34}.get(unit, 0.32) + 0.01 * seed + 0.1 * (metric == "NDS")


def _scored(plan: StudyPlan, value: float) -> None:
    for run in plan.adopted:
        folder = plan.metrics(run)
        folder.mkdir(parents=True)
        rows = [r for r in score_rows(run.unit, run.seed, lambda *a: value) if r["weights"] in run.weights]
        found = {"run_key": run.key, "scenes": 2, "rows": rows, "slices": [], "findings": {}, "diverged": {}}
        (folder / "metrics.json").write_text(json.dumps(found))


@pytest.mark.parametrize("own", [True, False])
def test_tables_keep_it_apart(own: bool, plan: StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "read_record", lambda file: json.loads(file.read_text()))
    if own:
        for planned in plan.runs:
            finish(plan, planned, _score)
        benchmark(plan)
    adopt(plan, _file(tmp_path, _state(plan)), "full")
    before = plan.table_key
    with pytest.raises(InputError, match="labeldistill predict full --seed 0 --key adopted-"):
        gather(plan)
    _scored(plan, 0.9)
    with pytest.raises(
        InputError, match=r"devkit has not confirmed these scores of 1 runs \(full \(adopted\) seed 0\)"
    ):
        gather(plan)
    confirm(plan, of_run(plan, plan.adopted[0]), AGREED)
    tables = StudyTables(gather(plan), tuple(plan.study.variants), plan.study.baseline)
    assert tables.summary("full (adopted)", "mAP").values == (0.9,)
    assert plan.table_key == before
    assert "full (adopted)" not in tables.compared()
    assert tables.judged() == [*(plan.study.variants if own else ()), "full (adopted)"]
    if own:
        assert tables.summary("full", "mAP").values == pytest.approx((0.34, 0.35))
    rows = main_table(plan.study, tables, load_claims())
    mine = rows[rows["variant"] == "full (adopted)"]
    assert list(mine["metric"]) == ["mAP", "NDS"]
    assert set(mine["verdict"]) == {"NOT COMPARABLE"}
