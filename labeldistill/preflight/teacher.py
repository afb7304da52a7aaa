"""Gate 6: the teacher alone, scored before anyone learns from it, against its claim; and which sweeps it sees."""

from labeldistill.claims.claims import Claim, load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.errors import LabelDistillError
from labeldistill.evaluation.sanity import findings
from labeldistill.files import read_json
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.preflight.trained import finished, key_frames, model_of, score

NAME = "teacher"
UNIT = "teacher"
POINTS = 1.0
"""Below its claim by more than this a teacher is not the published one."""
SOUND_AP = 0.1


def look(context: Context) -> Gate:
    """Look at the scores of the teacher that is there."""
    looks = Looks(NAME)
    if UNIT not in context.runs:
        looks.skipped("no variant learns from a teacher")
        return looks.gate()
    run = finished(context, UNIT)
    if run is None:
        looks.skipped(f"not trained yet; {_sweeps(context)}", "asked again before the first student")
        return looks.gate()
    looks.passed(_sweeps(context))
    try:
        file = context.plan.metrics(run) / "metrics.json"
        if file.is_file():
            rows = read_json(file)["rows"]
            found = {row["metric"]: row["value"] for row in rows if row["weights"] == "ema" and row["class"] == "all"}
            _judge(context, looks, found, "on the whole split")
        else:
            items = key_frames(context, run)
            metrics = score(context, items, model_of(context, run).detect(_collated(items)))  # type: ignore[operator]
            found = {"mAP": metrics.mean_ap, "NDS": metrics.nd_score}
            for said in findings(metrics):
                looks.warned(said, "the teacher's boxes and nuScenes' differ: see the gate `boxes`")
            _judge(context, looks, found, f"on {len(items)} key frames", whole=False)
    except LabelDistillError as error:
        looks.failed(str(error), f"train the teacher anew: delete {run.folder}")
    return looks.gate()


def _collated(items: list) -> object:  # type: ignore[type-arg]
    from labeldistill.data.dataset import KeyFrameDataset

    return KeyFrameDataset.collate(items)


def _sweeps(context: Context) -> str:
    sweeps = context.rules(UNIT, training=True).sweeps
    cut = "cut at the first gap" if sweeps.cut_at_gap else "gaps left out"
    return f"sees {sweeps.past} past and {sweeps.future} future sweeps, {cut}"


def _claim(context: Context) -> Claim | None:
    claims = load_claims()
    named = context.plan.study.claims.get(UNIT)
    return claims[named] if named else claims.get(UNIT)


def _judge(context: Context, looks: Looks, found: dict[str, float], where: str, whole: bool = True) -> None:
    figure = f"mAP {found['mAP']:.3f}, NDS {found['NDS']:.3f} {where}"
    claim = _claim(context)
    study = context.plan.study
    why = "no claim" if claim is None else why_not_comparable(study, UNIT, claim)
    if claim is not None and not why and whole:
        named = [metric for metric in HEADLINE if metric in claim.values]
        short = {metric: METRICS[metric].scale * found[metric] - claim.values[metric] for metric in named}
        looks.judged(
            all(gap >= -POINTS for gap in short.values()),
            f"{figure}; against its claim {', '.join(f'{m} {gap:+.1f} points' for m, gap in short.items())}",
            "not the published teacher: no student of it can be compared; train it anew or import the released one",
        )
    elif found["mAP"] < SOUND_AP:
        looks.warned(f"{figure}; not comparable with a claim", "a teacher that finds little has little to teach")
    else:
        looks.passed(f"{figure}; not comparable with a claim")
