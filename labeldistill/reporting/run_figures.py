"""Figures that need more than a study's table: from the files of its runs, or kept from an older report."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from labeldistill.config.run_files import LOSSES
from labeldistill.files import read_json, write_json
from labeldistill.reporting.feature_maps import feature_maps, pictured_run
from labeldistill.reporting.frame_pictures import frame_pictures, fullest_frame
from labeldistill.reporting.precision_recall import curves_of, precision_recall
from labeldistill.reporting.style import Picture
from labeldistill.reporting.training_figures import loss_curves
from labeldistill.study.plan import StudyPlan

CAPTIONS = "captions.json"
"""Beside the figures: name -> what it shows, so that a report made again can say it too."""
_KEPT = ("cameras-*.jpg", "frame-*.jpg", "frames.csv", "losses.*", "precision_recall*.*", "features.*")
"""Figures that need more than table and records; a report that is made again keeps them."""


@dataclass(frozen=True)
class Drawn:
    """Figures that a page shows: by name, and key frames (JPEG) in order."""

    pictures: Mapping[str, Picture]
    frames: list[Picture] = field(default_factory=list)


def drawn(plan: StudyPlan, folder: Path) -> Drawn:
    """Draw into `folder` what the runs of a study hold."""
    found: dict[str, Picture] = {}
    if not (curves := losses(plan)).empty:
        found["losses"] = loss_curves(curves, folder)
    if not (table := curves_of(plan)).empty:
        found |= precision_recall(table, folder)
    if (run := pictured_run(plan)) is not None and (picture := feature_maps(plan, run, fullest_frame(plan), folder)):
        found[picture.name] = picture
    return Drawn(found, frame_pictures(plan, folder))


def write_captions(made: Drawn, folder: Path) -> None:
    """Write what each figure shows beside the figures."""
    shown = [*made.pictures.values(), *made.frames]
    write_json(folder / CAPTIONS, {picture.name: asdict(picture) for picture in shown})


def kept(before: Path, folder: Path) -> Drawn:
    """Copy from the figures of an older report what its table can't draw again."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in _KEPT:
        for file in sorted(before.glob(pattern)):
            shutil.copyfile(file, folder / file.name)
    said = read_json(before / CAPTIONS) if (before / CAPTIONS).is_file() else {}

    def picture(file: Path) -> Picture:
        name = file.stem
        about = said.get(name) or {
            "name": name,
            "alt": _alt(name),
            "caption": f"{_alt(name)}, as report {before.parent.name} drew it.",
        }
        return Picture(**about)

    names = [file for pattern in _KEPT for file in sorted(before.glob(pattern)) if file.suffix == ".png"]
    frames = [file for pattern in _KEPT for file in sorted(before.glob(pattern)) if file.suffix == ".jpg"]
    return Drawn({file.stem: picture(file) for file in names}, [picture(file) for file in frames])


def _alt(name: str) -> str:
    if name.startswith("cameras-"):
        return f"Boxes of {name.removeprefix('cameras-')} and ground truth on six camera images"
    return {"losses": "Loss terms over training steps"}.get(name, name.replace("_", " "))


def losses(plan: StudyPlan) -> pd.DataFrame:
    """Weighted loss terms of every student run: variant, seed, step, term, value."""
    parts: list[pd.DataFrame] = []
    for run in plan.students:
        file = run.folder / LOSSES
        if not file.is_file():
            continue
        wide = pd.read_csv(file)
        terms = [term for term in run.settings.terms if term in wide]
        long = wide.melt(id_vars="step", value_vars=terms, var_name="term", value_name="value")
        parts.append(long.assign(variant=run.unit, seed=run.seed))
    columns = ["variant", "seed", "step", "term", "value"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
