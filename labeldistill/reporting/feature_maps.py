"""What the student's channels hold beside what they imitate: BEV features of one key frame as maps."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labeldistill.config.methods import STAGES, Stage
from labeldistill.config.runs import unstarted
from labeldistill.geometry.boxes import corners
from labeldistill.reporting.style import INK, Picture, figure, save
from labeldistill.study.plan import PlannedRun, StudyPlan

if TYPE_CHECKING:
    from labeldistill.data.batch import Batch
    from labeldistill.distillation.term_inputs import TermInputs

Map = NDArray[np.float32]
NAMES = {"lidar": ("LiDAR group", "LiDAR teacher"), "label": ("label group", "label encoder")}
MOST_ROWS = 40_000
"""The CSV leaves out every other cell, and so on, until it has no more rows."""


@dataclass(frozen=True)
class ImitatedMaps:
    """One group of channels at the finer scale, [h, w] with rows along y and columns along x.

    Attributes:
        student, target: root mean square over channels, of the student after its adaptor and of what it imitates.
        cosine: similarity of the two in each cell.
    """

    name: str
    student: Map
    target: Map
    cosine: Map


def pictured_run(plan: StudyPlan) -> PlannedRun | None:
    """The first run of the last variant that imitates features; None without one whose weights are here."""
    from labeldistill.training.weights_file import weights_path

    imitating = [run for run in plan.benchmarked if run.stage == "student" and run.settings.needs.groups]
    if not imitating:
        return None
    run = imitating[-1]
    files = [weights_path(each.folder, "ema") for each in (run, *run.parents)]
    return run if run.record.is_file() and all(file.is_file() for file in files) else None


def feature_maps(plan: StudyPlan, run: PlannedRun, token: str, folder: Path) -> Picture | None:
    """Draw the features of a run on one key frame of the evaluation split.

    Args:
        plan: plan of the study. run: see `pictured_run`.
        token: sample token of the key frame.
        folder: output folder.

    Returns:
        The picture; None for a method whose student compares no channel groups.

    Raises:
        InputError: weights that are damaged or of another run key, or a file of the data set that is.
    """
    found = _compared(plan, run, token)
    if found is None:
        return None
    inputs, batch = found
    maps = [_imitated(name, pair) for name, pair in inputs.pairs.items() if name in NAMES]
    return _drawn(maps, run, batch.boxes[0].numpy(), plan, folder) if maps else None


def _compared(plan: StudyPlan, run: PlannedRun, token: str) -> "tuple[TermInputs, Batch] | None":
    """What the loss terms of a trained student compare, without augmentation and in evaluation mode."""
    import torch

    from labeldistill.data.dataset import KeyFrameDataset
    from labeldistill.data.infos import Infos
    from labeldistill.data.loading import LoadingOptions
    from labeldistill.training.recipe import build_model, load_state
    from labeldistill.training.weights_file import read_weights, weights_path

    settings = unstarted(run.settings)
    parents: dict[Stage, Path] = {each.stage: each.folder for each in run.parents}
    model: Any = build_model(settings, parents)
    if not hasattr(model, "term_inputs"):
        return None
    file = weights_path(run.folder, "ema")
    state, _ = read_weights(file, run_key=run.key)
    load_state(model, state, file, frozen=STAGES[run.stage].frozen)
    options = replace(LoadingOptions.from_settings(settings, training=False), points=settings.needs.teacher)
    infos = Infos.open(plan.infos, plan.dataroot)
    data = KeyFrameDataset(infos, settings, plan.study.evaluation_split, training=False, options=options)
    batch = data.collate([data[data.tokens.index(token)]]).to(torch.device("cpu"))
    with torch.inference_mode():
        return model.eval().term_inputs(batch), batch


def _imitated(name: str, pair: Any) -> ImitatedMaps:
    from torch.nn.functional import cosine_similarity

    ours, theirs = pair.adapted[0][0].float(), pair.target[0][0].float()
    student, target = (part.square().mean(0).sqrt().numpy() for part in (ours, theirs))
    return ImitatedMaps(name, student, target, cosine_similarity(ours, theirs, dim=0).numpy())


def _drawn(maps: list[ImitatedMaps], run: PlannedRun, boxes: NDArray[Any], plan: StudyPlan, folder: Path) -> Picture:
    grid = plan.study.grid
    # x forward is up and y is left, as in the pictures from above
    extent = (grid.y_m[1], grid.y_m[0], grid.x_m[0], grid.x_m[1])
    fig, axes = figure(9.6, 0.4 + 2.8 * len(maps), nrows=len(maps), ncols=3, squeeze=False, sharex=True, sharey=True)
    inside = {each.name: _inside(boxes, each.cosine.shape, plan) for each in maps}
    for row, each in zip(axes, maps, strict=True):
        ours, theirs = NAMES[each.name]
        shown = (
            (each.student, f"{ours} after its adaptor", "cividis", (0, float(each.student.max()))),
            (each.target, theirs, "cividis", (0, float(each.target.max()))),
            (each.cosine, "cosine similarity", "RdBu", (-1, 1)),
        )
        for axis, (values, title, colours, limits) in zip(row, shown, strict=True):
            image = axis.imshow(
                values.T[::-1, ::-1],
                extent=extent,
                cmap=colours,
                vmin=limits[0],
                vmax=limits[1],
                interpolation="nearest",
            )
            fig.colorbar(image, ax=axis, shrink=0.8)
            for box in corners(boxes):
                around = box[[0, 1, 5, 4, 0]]
                axis.plot(around[:, 1], around[:, 0], color=INK if colours == "RdBu" else "white", lw=0.7)
            axis.set(xlim=extent[:2], ylim=extent[2:], title=title)
            axis.grid(visible=False)
        row[0].set_ylabel("x, forward (m)")
    for axis in axes[-1]:
        axis.set_xlabel("y, left (m)")
    said = "; ".join(f"{NAMES[e.name][1]}: {_likeness(e.cosine, inside[e.name])}" for e in maps)
    caption = (
        f"BEV features of {run.unit} seed {run.seed} on the key frame with most annotated boxes (outlined): root mean "
        f"square over channels (each with its own scale), and the cosine similarity with what is imitated. {said}. "
        "n = 1 run and 1 key frame."
    )
    picture = Picture("features", "BEV features of the student beside those of its teachers", caption)
    return save(fig, folder, picture, _table(maps, inside))


def _likeness(cosine: Map, inside: NDArray[np.bool_]) -> str:
    """Mean similarity in and outside the boxes."""
    parts = ((where, cosine[cells]) for where, cells in (("in boxes", inside), ("elsewhere", ~inside)))
    return ", ".join(f"{values.mean():.2f} {where}" for where, values in parts if len(values))


def _inside(boxes: NDArray[Any], shape: tuple[int, ...], plan: StudyPlan) -> NDArray[np.bool_]:
    """[h, w] cells whose centre lies in a box, seen from above."""
    x, y = np.meshgrid(
        *(_centres(axis, n) for axis, n in ((plan.study.grid.x_m, shape[1]), (plan.study.grid.y_m, shape[0])))
    )
    found = np.zeros(shape, dtype=bool)
    for cx, cy, _, length, width, _, yaw, *_ in boxes:
        along = (x - cx) * np.cos(yaw) + (y - cy) * np.sin(yaw)
        across = -(x - cx) * np.sin(yaw) + (y - cy) * np.cos(yaw)
        found |= (np.abs(along) < length / 2) & (np.abs(across) < width / 2)
    return found


def _centres(axis: tuple[float, float, float], cells: int) -> NDArray[np.float64]:
    edges = np.linspace(axis[0], axis[1], cells + 1)
    return np.asarray((edges[:-1] + edges[1:]) / 2)


def _table(maps: list[ImitatedMaps], inside: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """One row per group and cell, every nth cell where there are many."""
    step = 1
    while sum(each.cosine[::step, ::step].size for each in maps) > MOST_ROWS:
        step += 1
    parts = []
    for each in maps:
        row, column = np.meshgrid(*(np.arange(0, n, step) for n in each.cosine.shape), indexing="ij")
        cells = {"group": each.name, "row_y": row.ravel(), "column_x": column.ravel()}
        cells |= {name: getattr(each, name)[::step, ::step].ravel() for name in ("student", "target", "cosine")}
        parts.append(pd.DataFrame(cells | {"in_box": inside[each.name][::step, ::step].ravel()}))
    return pd.concat(parts, ignore_index=True)
