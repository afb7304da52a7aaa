"""What the runs of a study are scored on, and what is computed besides the metrics."""

from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask
from labeldistill.statistics.scene_bootstrap import SceneBootstrap
from labeldistill.study.plan import StudyPlan


def scoring_task(plan: StudyPlan) -> ScoringTask:
    """The study's evaluation split on its nuScenes folder."""
    data = plan.study.data
    return ScoringTask(plan.dataroot, data.version, data.splits[plan.study.evaluation_split], cache=plan.table_cache)


def scoring_options(plan: StudyPlan, *, arbiter: bool) -> ScoringOptions:
    """What is computed besides the metrics: the study's slices, and its bootstrap over scenes.

    Args:
        plan: plan of the study.
        arbiter: whether the devkit also scores.
    """
    study = plan.study
    bootstrap = SceneBootstrap(study.evaluation_replicates, study.verdict.confidence)
    return ScoringOptions(
        arbiter=arbiter,
        slices=tuple(study.evaluation_slices),
        intervals=bootstrap.bounds,
        draws=bootstrap.draws,
        split_name=study.evaluation_split,
    )
