"""Seeds, teachers and scenes together: a mean over every seed under every teacher, on scenes that all share."""

import numpy as np

from labeldistill.statistics.bootstrap import FEWEST_SCENES, Floats, widened
from labeldistill.statistics.estimate import Estimate

FEWEST_TEACHERS = 3
"""Two say next to nothing of the spread between teachers: tests would be wrong twice as often as they say."""


def over_seeds_and_teachers(scores: Floats, replicates: Floats | None = None, scenes: int = 0) -> Estimate:
    """Mean with the error of a mixed model: score = mean + seed + teacher + rest, and scenes where they were drawn.

    Closed form of the balanced two-way layout: with A, T = variance of the seeds' and of the teachers' means over their
    number, and E = residual variance over the number of runs, the variance of the mean is A + T - E. REML (statsmodels'
    MixedLM) says the same where it estimates no component as 0. Scenes enter as in `combined`: by their bootstrap
    variance, less what single runs' luck with single scenes puts into both.

    With Satterthwaite's degrees of freedom a test of 10 seeds under 3 teachers would be wrong in 6 to 7 %: teachers
    that happen to look alike count as well known. They are lowered by one, and kept between 1 and 1.5 times those of
    the smaller group; `simulations` holds the error rate to 5.5 %.

    Args:
        scores: [n, N] of n >= 2 seeds under N >= FEWEST_TEACHERS teachers, or differences of two such variants; finite.
        replicates: [n, N, R] the same under draws of scenes; None: nothing is said about other scenes.
        scenes: how many there are.

    Returns:
        The estimate; its `n` is the number of seeds.
    """
    seeds, teachers = scores.shape
    a, t, e = _parts(scores)
    runs = max(a + t - e, a, t)
    pieces = a**2 / (seeds - 1) + t**2 / (teachers - 1) + e**2 / ((seeds - 1) * (teachers - 1))
    fewest = min(seeds, teachers) - 1
    freedom = max(fewest, min(runs**2 / pieces - 1, 1.5 * fewest)) if pieces else float(fewest)
    if replicates is None or scenes < FEWEST_SCENES:
        return Estimate(float(np.mean(scores)), runs**0.5, freedom, seeds, basis=f"seeds and {teachers} teachers")
    wide = widened(scenes) ** 2
    of_scenes = float(np.var(replicates.mean(axis=(0, 1)))) * wide
    luck = np.mean([_parts(draw) for draw in _centred(replicates)], axis=0) * wide
    variance = max(runs + of_scenes - float(luck[0] + luck[1] - luck[2]), runs, of_scenes)
    parts = runs**2 / freedom + of_scenes**2 / (scenes - 1)
    basis = f"seeds, {teachers} teachers and scenes"
    return Estimate(
        float(np.mean(scores)), variance**0.5, variance**2 / parts if parts else freedom, seeds, basis=basis
    )


def over_runs(scores: Floats, replicates: Floats | None, scenes: int) -> Estimate:
    """`over_seeds_and_teachers`, or what can be said of fewer seeds than two.

    Args:
        scores: [n, N], finite.
        replicates: [n, N, R], or None.
        scenes: how many there are.
    """
    if len(scores) > 1:
        return over_seeds_and_teachers(scores, replicates, scenes)
    mean = float(np.mean(scores)) if len(scores) else np.nan
    return Estimate(mean, np.nan, np.nan, len(scores))


def _parts(scores: Floats) -> tuple[float, float, float]:
    """A, T and E of `over_seeds_and_teachers`."""
    seeds, teachers = scores.shape
    by_seed, by_teacher = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - by_seed[:, None] - by_teacher + scores.mean()
    residual = float((rest**2).sum()) / ((seeds - 1) * (teachers - 1))
    return float(np.var(by_seed, ddof=1)) / seeds, float(np.var(by_teacher, ddof=1)) / teachers, residual / scores.size


def _centred(replicates: Floats) -> Floats:
    """[R, n, N] what the draws of scenes do to each run: its replicates less their mean."""
    return np.asarray(np.moveaxis(replicates - replicates.mean(axis=-1, keepdims=True), -1, 0))
