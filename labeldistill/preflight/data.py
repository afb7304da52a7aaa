"""Gate 2: the data. The data check, the official splits by number and hash, boxes in every split, the fingerprint."""

import pyarrow as pa

from labeldistill.claims.official import SplitFacts, load_official, why_not_official
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.nuscenes.annotations import read_annotations
from labeldistill.nuscenes.check import check_data
from labeldistill.nuscenes.splits import names_hash
from labeldistill.nuscenes.study_files import StudyFiles, study_files
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks

NAME = "data"
SHOWN = 3
WHOLE_BYTES = 4 * 2**30
"""More than this is not looked at again where the data check of these very files is there."""


def look(context: Context) -> Gate:
    """Look at the tables and sensor files of a study."""
    looks = Looks(NAME)
    try:
        _check(context, looks)
        files = study_files(context.tables, context.plan.study.data)
        _splits(context, looks, files)
        _boxes(context, looks, files)
        looks.passed(f"sensor files {context.plan.sensor_files.fingerprint(seconds=None).sha256[:12]}")
    except InputError as error:
        looks.failed(str(error), "see labeldistill check-data; mend the folder, or name another data.dataroot")
    return looks.gate()


def _check(context: Context, looks: Looks) -> None:
    plan = context.plan
    if plan.data_check.is_file() and (known := read_json(plan.data_check))["bytes"] > WHOLE_BYTES:
        looks.passed(f"{known['images']:,} images and {known['clouds']:,} clouds, checked: {plan.data_check.name}")
        return
    found = check_data(plan.study.data, plan.dataroot, cache=plan.table_cache, devkit=True)
    figure = f"{found.images:,} images and {found.clouds:,} clouds, {found.decoded:,} of them read whole"
    if found.whole:
        looks.passed(figure)
        return
    first = [f"{problem.file}: {problem.what}" for problem in found.problems[:SHOWN]]
    bad = f"{len(found.problems)} of {found.images + found.clouds} files are bad ({'; '.join(first)})"
    looks.failed(bad, f"bring these files below {plan.dataroot} back from the data set's archives")


def _splits(context: Context, looks: Looks, files: StudyFiles) -> None:
    study, official = context.plan.study, load_official()
    for split, asked in study.data.splits.items():
        scenes, tokens = files.splits[split], files.tokens(split)
        figure = f"{split}: {len(scenes)} scenes, {len(tokens):,} key frames, tokens {names_hash(tokens)[:12]}"
        if not isinstance(asked, str) or asked not in official:
            looks.passed(figure)
            continue
        facts = SplitFacts(len(scenes), names_hash(scenes), len(tokens), names_hash(tokens))
        if why := why_not_official(asked, facts, official[asked]):
            advice = "take nuScenes' own folder, or another name for the split and `comparable: false`"
            (looks.failed if study.comparable else looks.warned)(f"{figure}: {why}", advice)
        elif official[asked].tokens_sha256 is None and study.comparable:
            looks.passed(f"{figure} (as many as nuScenes'; nobody has verified the hash of the tokens)")
        else:
            looks.passed(f"{figure}, as in nuScenes")


def _boxes(context: Context, looks: Looks, files: StudyFiles) -> None:
    for split in context.plan.study.data.splits:
        rows = read_annotations(context.tables, files.samples.token.filter(pa.array(_member(files, split))))
        count = int((rows.label >= 0).sum())
        looks.judged(
            count > 0,
            f"{split}: {count:,} boxes of the ten classes",
            f"`{split}` has no ground truth, so nothing can be trained or scored on it (nuScenes' test split has none)",
        )


def _member(files: StudyFiles, split: str) -> list[bool]:
    wanted = set(files.tokens(split))  # type: ignore[arg-type]
    return [token in wanted for token in files.samples.token.to_pylist()]
