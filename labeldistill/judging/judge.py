"""Judging one result file: its split, its scores, known mistakes, and every published claim of that split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeldistill.claims.claims import Claim, load_claims
from labeldistill.claims.official import SplitFacts, load_official, split_sizes, why_not_official
from labeldistill.config.metrics import HEADLINE
from labeldistill.errors import InputError
from labeldistill.evaluation.ground_truth import GroundTruth, read_ground_truth, split_key_frames
from labeldistill.evaluation.ground_truth_cache import cached
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PREDEFINED_SPLITS
from labeldistill.evaluation.result import Evaluation
from labeldistill.evaluation.scoring import scored
from labeldistill.judging.beside_claims import Beside, ClaimBeside, beside
from labeldistill.judging.counterfactual import Poses, poses_of
from labeldistill.judging.read_file import read_file
from labeldistill.judging.signatures import Signature, signatures
from labeldistill.judging.which_split import Place, find_split
from labeldistill.nuscenes.key_frames import read_sweeps
from labeldistill.nuscenes.splits import names_hash, scenes_of
from labeldistill.nuscenes.tables import Tables


@dataclass(frozen=True)
class ScoredFile:
    """A file with its scores.

    Attributes:
        file: its path. version, split: what it covers.
        predictions: in the order of the devkit. truth: of the split.
        result: the scores. tables: to read poses from.
    """

    file: Path
    version: str
    split: str
    predictions: Predictions
    truth: GroundTruth
    result: Evaluation
    tables: Tables

    def poses(self) -> Poses:
        """Poses of the samples in the order of the predictions; reads the tables of sensor data and ego poses."""
        frames = split_key_frames(self.tables, scenes_of(self.split, self.tables))
        clouds = read_sweeps(self.tables, frames, past=0, future=0)
        position = {token: row for row, token in enumerate(frames.token.to_pylist())}
        rows = [position[token] for token in self.predictions.tokens]
        ego = clouds.ego_rotation[rows], clouds.ego_translation[rows]
        return poses_of(ego, (clouds.sensor_rotation[rows], clouds.sensor_translation[rows]))


@dataclass(frozen=True)
class Judgement:
    """What one file says.

    Attributes:
        scored: the file with its scores.
        signatures: known mistakes that it shows; empty for a good file.
        claims: the claims of its split, in the order of the file of claims; with a choice, that one alone.
        identity: what is known about the folder's split being nuScenes' own; empty if it is proved.
    """

    scored: ScoredFile
    signatures: list[Signature]
    claims: list[ClaimBeside]
    identity: str

    @property
    def agrees(self) -> list[str]:
        """Claims that the file agrees with."""
        return [each.claim.id for each in self.claims if each.verdict is Beside.AGREES]


def score_file(file: Path, place: Place) -> ScoredFile:
    """Score a result file on the split that its samples are.

    Raises:
        InputError: bad content, or samples that are no split; names file and key.
    """
    found = read_file(file, place.cache)
    covered = find_split(found.tokens, place, sizes=split_sizes(), file=file)
    tables = Tables(place.dataroot, covered.version, place.cache)
    truth = (
        read_ground_truth(tables, covered.split) if place.cache is None else cached(tables, covered.split, place.cache)
    )
    if covered.split not in PREDEFINED_SPLITS:
        found = found.of_samples(truth.tokens)
    return ScoredFile(file, covered.version, covered.split, found, truth, scored(found, truth), tables)


def judge(file: Path, place: Place, claim: str | None = None) -> Judgement:
    """Score one file and set it beside the claims of its split.

    Args:
        file: results_nusc.json of any code base.
        place: where it is scored.
        claim: id of the one claim that is asked about; None: every claim of the split with values.

    Raises:
        InputError: bad content, samples that are no split, an unknown claim or one without values.
    """
    claims = load_claims()
    if claim is not None and (claim not in claims or not claims[claim].values):
        known = ", ".join(name for name, each in claims.items() if each.values)
        raise InputError(f"no claim `{claim}` with values; known: {known}", key="--claim")
    done = score_file(file, place)
    named = signatures(done.predictions, done.truth, done.result.metrics, done.poses)
    identity, official = _identity(done)
    asked = [claims[claim]] if claim else [each for each in claims.values() if each.values and each.split == done.split]
    found = [beside(each, done.result.metrics, _why_not(each, done, official, named)) for each in asked]
    return Judgement(done, named, found, identity)


def _identity(done: ScoredFile) -> tuple[str, bool]:
    """What is not proved about the split in words, and whether it may be compared with claims."""
    official = load_official().get(done.split)
    if official is None or official.version != done.version:
        return f"{done.split} is a split of this folder, not one of nuScenes' own", False
    scenes, tokens = done.truth.scene_names, done.truth.tokens
    facts = SplitFacts(len(scenes), names_hash(scenes), len(tokens), names_hash(tokens))
    if why := why_not_official(done.split, facts, official):
        return why, False
    if official.tokens_sha256 is None:
        return f"{done.split} has nuScenes' scenes and number of samples; their tokens are not on record", True
    return "", True


def _why_not(claim: Claim, done: ScoredFile, official: bool, named: Sequence[Signature]) -> str:
    """Why a file can't be compared with a claim, in words; empty if it can."""
    meta: Mapping[str, object] = done.predictions.meta
    if claim.split != done.split:
        return f"the claim is about {claim.split}, the file covers {done.split}"
    if not official:
        return f"this {done.split} is not nuScenes' own"
    if named:
        return f"the file is broken: {named[0].name}"
    sensor = "lidar" if meta.get("use_lidar") else "camera"
    if sensor != claim.sensor:
        return f"the claim is about a {claim.sensor} detector, the file says use_{sensor}"
    if meta.get("use_radar"):
        return "the file says use_radar"
    return ""


def limits(found: Judgement) -> list[str]:
    """What a single run can and can't say, in words."""
    told = [row for each in found.claims for row in each.metrics if row.metric in HEADLINE]
    reach = {row.metric: (row.high - row.low) / 2 for row in reversed(told)}
    said = ["One file is one run: it says nothing about the mean of its method, and AGREES is not REPRODUCED."]
    if reach:
        apart = " and ".join(f"{value:.1f} points of {metric}" for metric, value in sorted(reach.items()))
        said.append(f"The known spread between runs hides differences of up to {apart} from one published run.")
    if len(found.agrees) > 1:
        said.append(f"It can't tell {', '.join(found.agrees)} apart.")
    return said
