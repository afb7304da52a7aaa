"""Key frames of a study as pictures: six cameras beside the bird's-eye view, ground truth and two variants."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from labeldistill.config.run_files import predictions_path
from labeldistill.data.infos import Infos
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.prediction_checks import broken_numbers
from labeldistill.evaluation.predictions import Predictions
from labeldistill.files import written_whole
from labeldistill.geometry.frames import inverse_pose, pose_matrix, transformed
from labeldistill.nuscenes.sensor_files import read_cloud
from labeldistill.reporting.bev_picture import Colour, Corners, bev_picture
from labeldistill.reporting.cameras import camera_pictures, global_corners
from labeldistill.reporting.key_frame_scores import FrameScores, chosen_frames, frame_scores, frame_table
from labeldistill.reporting.style import Picture
from labeldistill.study.plan import PlannedRun, StudyPlan
from labeldistill.study.scoring import scoring_task

# sky blue, vermilion and yellow of Okabe and Ito: told apart by colour-blind readers, also by their lightness
TRUTH, FIRST, SECOND = (86, 180, 233), (213, 94, 0), (240, 228, 66)
_NAMES = {TRUTH: "blue", FIRST: "red", SECOND: "yellow"}
SIDE_PX = 620

_KINDS = {
    "fullest": "The key frame with most annotated boxes",
    "best": "The key frame that {ours} gets most right",
    "worst": "The key frame that {ours} gets least right",
    "changed": "The key frame that changes most from {theirs} to {ours}",
}


@dataclass(frozen=True)
class _Shown:
    """A run that is drawn: its boxes, and how right they are on each key frame."""

    run: PlannedRun
    found: Predictions
    scores: FrameScores

    def corners(self, token: str) -> Corners:
        """Boxes above the run's own threshold, global frame."""
        mine = (self.found.sample == self.found.tokens.index(token)) & (self.found.score >= self.scores.threshold)
        return global_corners(self.found.translation[mine], self.found.size[mine], self.found.rotation[mine])


def frame_pictures(plan: StudyPlan, folder: Path) -> list[Picture]:
    """Draw `frame-<kind>.jpg` of the first runs of baseline and last variant, and of the teacher on the fullest frame.

    `frames.csv` beside them has how right each run is on every key frame.

    Args:
        plan: a study whose predictions are written.
        folder: output folder.

    Returns:
        The pictures; without a run that has boxes, none.
    """
    truth, _ = scoring_task(plan).open()
    shown = {unit: one for unit, run in _pictured(plan).items() if (one := _shown(plan, run, truth))}
    if not shown:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    table = frame_table(truth.tokens, {unit: one.scores for unit, one in shown.items()})
    with written_whole(folder / "frames.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    sheets = _Sheets(plan, Infos.open(plan.infos, plan.dataroot), truth, folder)
    return [sheets.drawn(*wanted) for wanted in _wanted(shown, truth)]


def fullest_frame(plan: StudyPlan) -> str:
    """Token of the key frame of the evaluation split with most annotated boxes."""
    truth, _ = scoring_task(plan).open()
    return truth.tokens[_fullest(truth)]


def _fullest(truth: GroundTruth) -> int:
    return int(np.argmax(np.bincount(truth.sample, minlength=len(truth.tokens))))


def _wanted(shown: Mapping[str, _Shown], truth: GroundTruth) -> Iterator[tuple[str, int, list[_Shown]]]:
    """Kind, row of the ground truth, and the runs to draw."""
    fullest = _fullest(truth)
    students = [one for unit, one in shown.items() if unit != "teacher"]
    if students:
        yield "fullest", fullest, students
    if len(students) > 1:
        frames = chosen_frames(students[0].scores, students[1].scores)
        yield from ((kind, row, students) for kind, row in frames.items() if row != fullest)
    if "teacher" in shown:
        yield "teacher", fullest, [shown["teacher"]]


def _pictured(plan: StudyPlan) -> dict[str, PlannedRun]:
    """The first runs of the teacher, the baseline and the last variant (the full method)."""
    first = {run.unit: run for run in plan.benchmarked}
    wanted = dict.fromkeys(["teacher", plan.study.baseline, list(plan.study.variants)[-1]])
    return {unit: first[unit] for unit in wanted if unit in first}


def _shown(plan: StudyPlan, run: PlannedRun, truth: GroundTruth) -> _Shown | None:
    """None for a run that failed or diverged: it has no boxes."""
    file = predictions_path(plan.predictions(run), "ema")
    if not file.is_file():
        return None
    found = Predictions.read(file)
    if broken_numbers(found):
        return None
    return _Shown(run, found, frame_scores(found, truth))


@dataclass(frozen=True)
class _Sheets:
    """Draws key frames of one study into a folder."""

    plan: StudyPlan
    infos: Infos
    truth: GroundTruth
    folder: Path

    def drawn(self, kind: str, row: int, runs: list[_Shown]) -> Picture:
        truth, token = self.truth, self.truth.tokens[row]
        sample = self.infos.samples.token.index(token).as_py()
        mine = (truth.sample == row) & (truth.points > 0)
        boxes: dict[Colour, Corners] = {
            TRUTH: global_corners(truth.translation[mine], truth.size[mine], truth.rotation[mine])
        }
        boxes |= {colour: one.corners(token) for colour, one in zip((FIRST, SECOND), runs, strict=False)}
        sheet = _beside(camera_pictures(self.infos, sample, boxes), self._from_above(sample, boxes))
        with written_whole(self.folder / f"frame-{kind}.jpg") as temporary:
            sheet.save(temporary, format="JPEG", quality=86)
        names = [one.run.unit for one in runs]
        words = _KINDS.get(kind, "The same key frame with the boxes of the teacher, which sees LiDAR points")
        title = words.format(theirs=names[0], ours=names[-1])
        return Picture(
            f"frame-{kind}", f"{title}: boxes on six cameras and from above", f"{title}. {_about(runs, row)}"
        )

    def _from_above(self, sample: int, boxes: Mapping[Colour, Corners]) -> Image.Image:
        sweeps, rows = self.infos.sweeps, self.infos.sweeps_of(sample)
        key = rows.start + int(np.flatnonzero(sweeps.slot[rows] == 0)[0])
        sensor = pose_matrix(sweeps.sensor_rotation[key], sweeps.sensor_translation[key])
        ego = pose_matrix(sweeps.ego_rotation[key], sweeps.ego_translation[key])
        points = transformed(sensor, read_cloud(self.infos.dataroot / sweeps.file[key].as_py())[:, :3])
        grid = self.plan.study.grid
        reach_m = max(abs(edge) for axis in (grid.x_m, grid.y_m) for edge in axis[:2])
        moved = {colour: transformed(inverse_pose(ego), corners) for colour, corners in boxes.items()}
        return bev_picture(points, moved, reach_m, SIDE_PX)


def _about(runs: list[_Shown], row: int) -> str:
    def words(one: _Shown, colour: Colour) -> str:
        s, run = one.scores, one.run
        counts = f"{s.found[row]} of {s.found[row] + s.missed[row]} boxes found, {s.false[row]} false"
        return f"{run.unit} seed {run.seed} in {_NAMES[colour]} ({counts}, at its best score {s.threshold:.2g})"

    said = "; ".join(words(one, colour) for one, colour in zip(runs, (FIRST, SECOND), strict=False))
    return (
        f"Ground truth with a point in it in blue; {said}. Crossed faces, and lines from the centre, show the front. "
        "Found: within 2 m. n = 1 run of each and 1 key frame, chosen for what it shows: an example, no result."
    )


def _beside(cameras: Image.Image, above: Image.Image) -> Image.Image:
    height = max(cameras.height, above.height)
    sheet = Image.new("RGB", (cameras.width + above.width, height), (18, 23, 30))
    sheet.paste(cameras, (0, (height - cameras.height) // 2))
    sheet.paste(above, (cameras.width, (height - above.height) // 2))
    return sheet
