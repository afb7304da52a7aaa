"""Seeds and scenes together: the interval of a variant's score on other seeds and other scenes."""

import numpy as np

from labeldistill.statistics.bootstrap import FEWEST_SCENES, Floats, Interval, scene_interval, too_few, widened
from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.summary import spread


def seeds_and_scenes(scores: Floats, replicates: Floats, scenes: int, *, confidence: float = 0.95) -> Interval:
    """Interval of the mean over seeds if both seeds and scenes are random.

    Every seed is scored on the same scenes, so the variance due to scenes does not shrink with the number of seeds.
    With A = variance between seeds / n, B = bootstrap variance of the mean over scenes, C = the part in both (the
    interaction of seeds and scenes, estimated from how replicates of single seeds move relative to their mean), the
    variance is A + B - C; degrees of freedom after Satterthwaite.

    Args:
        scores: [n] one per seed, on all scenes; NaN for failed runs, which are left out.
        replicates: [n, R] metric of each run under the same `scene_weights(scenes, R)`.
        scenes: S.
        confidence: confidence of the two-sided interval, in 0..1.
    """
    there = np.isfinite(scores) & np.isfinite(replicates).all(axis=1)
    scores, replicates = scores[there], replicates[there]
    n = len(scores)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, "seeds and scenes", "no finished run")
    if n == 1:
        alone = scene_interval(float(scores[0]), replicates[0], scenes, confidence=confidence)
        return Interval(alone.value, alone.low, alone.high, "scenes", "one run: nothing is said about other seeds")
    mean = float(np.mean(scores))
    if scenes < FEWEST_SCENES:
        return Interval(mean, np.nan, np.nan, "seeds and scenes", too_few(scenes))
    found = estimate(scores, replicates, scenes)
    if found.error == 0:
        return Interval(mean, mean, mean, "seeds and scenes", "all runs equal on all scenes: the interval has no width")
    caveat = "" if spread(list(scores)) else "all runs equal: the interval is of the scenes alone"
    return Interval(mean, *found.interval(confidence), "seeds and scenes", caveat)


def estimate(scores: Floats, replicates: Floats, scenes: int) -> Estimate:
    """Mean with its standard error due to seeds and scenes together (see `seeds_and_scenes`).

    Args:
        scores: [n] two or more, finite.
        replicates: [n, R] likewise.
        scenes: S, at least FEWEST_SCENES.
    """
    n = len(scores)
    of_seeds = spread(list(scores)) ** 2 / n
    over_scenes = replicates.mean(axis=0)
    of_scenes = float(np.var(over_scenes)) * widened(scenes) ** 2
    own_luck = float(np.var(replicates - over_scenes, axis=1).mean()) * widened(scenes) ** 2 / (n - 1)
    variance = max(of_seeds + of_scenes - own_luck, of_seeds, of_scenes)
    parts = of_seeds**2 / (n - 1) + of_scenes**2 / (scenes - 1)
    freedom = variance**2 / parts if parts else float(n - 1)
    return Estimate(float(np.mean(scores)), variance**0.5, freedom, n, basis="seeds and scenes")
