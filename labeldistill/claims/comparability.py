"""Whether a claim can be compared with what a study ran: only if that is proven."""

from dataclasses import dataclass

from labeldistill.claims.claims import Claim
from labeldistill.claims.differences import differences
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.official import load_official, why_not_official
from labeldistill.claims.references import load_reference
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.metrics import HEADLINE
from labeldistill.config.study import StudySettings
from labeldistill.study.apart import Origin, origin_of, variant_of

TRUSTED = ("primary", "quoted")
"""Levels of confidence in a source or configuration that allow a verdict."""

FROM_ELSEWHERE: dict[Origin, str] = {
    "ingested": "files of another code base: nothing proves that they were made in this configuration",
    "adopted": "a checkpoint trained elsewhere: its shapes fit, nothing proves how it was trained",
}


@dataclass(frozen=True)
class Comparability:
    """What prevents a verdict on a claim for a unit of a study, in words.

    Attributes:
        refused: reasons for NOT COMPARABLE: every known difference.
        unproven: reasons that allow no verdict but INCONCLUSIVE.
        notes: further caveats for readers.
    """

    refused: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def comparability(study: StudySettings, unit: str, claim: Claim, evidence: Evidence, weights: str) -> Comparability:
    """Everything that prevents a verdict on a claim for a unit.

    Args:
        study: the study that was run.
        unit: name in tables: `teacher`, `label-encoder`, a variant, or the ingested runs of one.
        claim: the published claim.
        evidence: facts about the study's data and runs.
        weights: the weights that were scored, `raw` or `ema`.
    """
    refused = list(_settings(study, variant_of(unit), claim))
    if weights != claim.weights:
        refused.append(f"{weights} weights, the claim is of {claim.weights} weights")
    if not study.data.synth:
        refused += _data(study, unit, evidence)
    if others := evidence.sensors.get(unit, frozenset()) - {claim.sensor}:
        refused.append(f"made with {', '.join(sorted(others))}, the claim is of {claim.sensor} alone")
    return Comparability(tuple(refused), tuple(_unproven(study, unit, claim, evidence)), tuple(_notes(study, unit)))


def why_not_comparable(study: StudySettings, unit: str, claim: Claim) -> str:
    """Reasons in words why the settings alone rule out a verdict: all that is known before anything runs."""
    return "; ".join(_settings(study, unit, claim))


def _settings(study: StudySettings, unit: str, claim: Claim) -> list[str]:
    found: list[str] = []
    if not study.comparable:
        found.append(study.not_comparable_because)
    if study.data.synth is not None:
        found.append("another data set: a synthetic world")
    if claim.confidence not in TRUSTED:
        found.append(f"the claim's source is {claim.confidence} ({claim.source}), which never gives a verdict")
    found += _split(study, claim)
    if claim.reference is None:
        return [*found, "the claim's whole configuration is not known, so nothing can be shown to equal it"]
    if found:  # a study on other data differs in nearly every setting; listing them all would hide the reason
        return found
    reference = load_reference(claim)
    differing = differences(study, unit, reference, claim.reference.unit)
    if any(claim.delta(metric) is not None for metric in HEADLINE) and unit not in FIXED_UNITS:
        differing += differences(study, study.baseline, reference, reference.baseline)
    if differing:
        found.append(f"another configuration than {claim.reference.study}: {', '.join(map(str, differing))}")
    return found


def _split(study: StudySettings, claim: Claim) -> list[str]:
    scored = study.data.splits[study.evaluation_split]
    name = scored if isinstance(scored, str) else "a list of scenes"
    official = load_official().get(claim.split or "")
    if official is None:
        return [f"the claim does not say on which official split; this study is scored on {name}"]
    if study.data.version != official.version:
        return [f"another data set: nuScenes {study.data.version}, the claim is of {official.version}"]
    if scored != claim.split:
        return [f"another split: the claim is of {claim.split}, this study is scored on {name}"]
    return []


def _data(study: StudySettings, unit: str, evidence: Evidence) -> list[str]:
    """Whether training and scoring used exactly the samples of the official splits that are named."""
    found: list[str] = []
    official = load_official()
    for split in ("train", study.evaluation_split):
        name = study.data.splits.get(split)
        facts = evidence.splits.get(split)
        if not isinstance(name, str) or name not in official:
            found.append(f"`{split}` is not an official split")
        elif facts is None:
            found.append(f"what `{name}` holds is not known: there is no index of the data")
        elif why := why_not_official(name, facts, official[name]):
            found.append(why)
    if evidence.overlap:
        found.append(f"{len(evidence.overlap)} scenes are trained on and scored ({', '.join(evidence.overlap[:3])})")
    if unit in evidence.partial:
        found.append("a run was scored on a part of the split")
    held = evidence.splits.get(study.evaluation_split)
    expected = None if held is None else (held.samples, held.tokens_sha256)
    if expected is None or evidence.scored.get(unit) != {expected}:
        found.append("the scores do not say that they are of all samples of the split")
    return found


def _unproven(study: StudySettings, unit: str, claim: Claim, evidence: Evidence) -> list[str]:
    gain = any(claim.delta(metric) is not None for metric in HEADLINE)
    found = evidence.reservations([variant_of(unit), *([study.baseline] if gain else [])], study.seeds)
    if claim.reference is not None and claim.configuration_confidence not in TRUSTED:
        found.append(f"the claim's configuration is {claim.configuration_confidence or 'not sourced'}")
    if why := FROM_ELSEWHERE.get(origin_of(unit)):
        found.append(why)
    official = load_official()
    names = sorted({str(study.data.splits.get("train")), str(claim.split)} & set(official))
    if unverified := [name for name in names if official[name].tokens_sha256 is None]:
        found.append(
            f"nobody has verified the hash of nuScenes' sample tokens ({', '.join(unverified)}) for "
            "workflow/claims/nuscenes_splits.yaml, so the data can't be told from an imitation"
        )
    return found


def _notes(study: StudySettings, unit: str) -> list[str]:
    """Assumed settings of the study that the unit, or what it learns from, depends on."""
    named = [key for key in study.assumed if not key.startswith("variants.") or key.split(".")[1] == variant_of(unit)]
    return [f"assumed, not published: {', '.join(named)}"] if named else []
