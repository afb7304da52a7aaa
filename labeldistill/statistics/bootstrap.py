"""Scene bootstrap of one run: what its score would have been on other scenes of the same kind.

Runs are matched once; a replicate is another weighting of the scenes. The percentile interval is widened for few
scenes (Hesterberg 2015, "expanded percentile"): with S scenes it reads the quantiles that the t distribution with
S - 1 degrees of freedom and the factor sqrt(S / (S - 1)) ask for, since plain percentiles are too narrow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
WeightedMetric = Callable[[NDArray[np.int64]], Floats]
"""Scene weights [R, S], whole numbers, to the metric of each of the R weightings [R]."""

REPLICATES = 2000

FEWEST_SCENES = 8
"""With fewer there is no interval: resampling cannot reach beyond the worst and best scenes, and simulated 95 %
intervals cover less than 93 % (76 % with three scenes)."""


@dataclass(frozen=True)
class Interval:
    """A value with its interval; NaN bounds say what can't be said, `caveat` says why."""

    value: float
    low: float
    high: float
    source: str
    """What varies: "scenes", "seeds" or "seeds and scenes"."""
    caveat: str = ""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@lru_cache(maxsize=8)
def scene_weights(scenes: int, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.int64]:
    """[replicates, scenes] how often each scene was drawn, with replacement; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(scenes, np.full(scenes, 1.0 / scenes), size=replicates)
    weights.setflags(write=False)
    return np.asarray(weights, dtype=np.int64)


def widened(scenes: int) -> float:
    """sqrt(S / (S - 1)): a bootstrap sd of S scenes falls short of the standard error by this factor."""
    return float((scenes / (scenes - 1)) ** 0.5)


def too_few(scenes: int) -> str:
    """Why there is no interval over so few scenes."""
    return f"{scenes} scene{'' if scenes == 1 else 's'}: an interval over scenes needs at least {FEWEST_SCENES}"


def scene_interval(value: float, replicates: Floats, scenes: int, *, confidence: float = 0.95) -> Interval:
    """Interval of one run's metric over scenes.

    Args:
        value: the metric on all scenes once each.
        replicates: [R] the metric under `scene_weights(scenes, R)`.
        scenes: number of scenes, S.
        confidence: two-sided.
    """
    finite = replicates[np.isfinite(replicates)]
    if scenes < FEWEST_SCENES:
        return Interval(value, np.nan, np.nan, "scenes", too_few(scenes))
    if not len(finite):
        return Interval(value, np.nan, np.nan, "scenes", "no replicate has a value")
    tail = float(stats.norm.cdf(widened(scenes) * stats.t.ppf((1 - confidence) / 2, scenes - 1)))
    low, high = np.quantile(finite, [tail, 1 - tail])
    lost = len(replicates) - len(finite)
    caveat = f"{lost} of {len(replicates)} replicates have no value and are left out" if lost else ""
    return Interval(value, float(low), float(high), "scenes", caveat)


def bootstrap_scenes(
    metric: WeightedMetric,
    scenes: int,
    *,
    replicates: int = REPLICATES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a metric that can be computed under scene weights (see `evaluation.replicates`)."""
    value = float(metric(np.ones((1, scenes), dtype=np.int64))[0])
    drawn = metric(scene_weights(scenes, replicates, seed))
    return scene_interval(value, drawn, scenes, confidence=confidence)


def paired_scene_test(difference: float, replicates: Floats, scenes: int) -> float:
    """Two-sided p value of "no difference" for two runs on the same scenes.

    It is the level at which `scene_interval` of the difference would just touch zero.

    Args:
        difference: metric of one run less the other's, on all scenes.
        replicates: [R] that difference under `scene_weights(scenes, R)`: both runs under the same weights.
        scenes: S.

    Returns:
        p, never smaller than one replicate of R + 1 beyond zero would give; NaN with fewer than FEWEST_SCENES; 1 when
        both runs are equal under every weighting.
    """
    if scenes < FEWEST_SCENES or not np.isfinite(difference):
        return float("nan")
    if difference == 0 and not np.any(replicates):
        return 1.0
    below = float(np.mean(replicates < 0) + np.mean(replicates == 0) / 2)
    step = 1.0 / (len(replicates) + 1)
    z = stats.norm.ppf(np.clip(min(below, 1 - below), step, 0.5))
    return float(2 * stats.t.cdf(z / widened(scenes), scenes - 1))
