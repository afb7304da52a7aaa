"""Scene bootstrap of one run: how its score would vary over other scenes of the same kind.

Runs are matched once; a replicate is a different weighting of the scenes. The percentile interval is widened for few
scenes (Hesterberg 2015, "expanded percentile"): with S scenes it takes the quantiles given by the t distribution with
S - 1 degrees of freedom and the factor sqrt(S / (S - 1)), because plain percentiles are too narrow.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

REPLICATES = 2000

FEWEST_SCENES = 8
"""With fewer scenes there is no interval: resampling cannot go beyond the worst and best scenes, and simulated 95 %
intervals cover less than 93 % (76 % with three scenes)."""


@dataclass(frozen=True)
class Interval:
    """A value with its interval; bounds that can't be given are NaN, and `caveat` says why."""

    value: float
    low: float
    high: float
    source: str
    """What the interval varies: "scenes", "seeds" or "seeds and scenes"."""
    caveat: str = ""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@lru_cache(maxsize=8)
def scene_weights(scenes: int, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.int64]:
    """[replicates, scenes] how often each scene is drawn, with replacement; equal arguments give equal draws."""
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(scenes, np.full(scenes, 1.0 / scenes), size=replicates)
    weights.setflags(write=False)
    return np.asarray(weights, dtype=np.int64)


def widened(scenes: int) -> float:
    """sqrt(S / (S - 1)): a bootstrap sd over S scenes is too small by this factor."""
    return float((scenes / (scenes - 1)) ** 0.5)


def too_few(scenes: int) -> str:
    """The reason why there is no interval over so few scenes."""
    return f"{scenes} scene{'' if scenes == 1 else 's'}: an interval over scenes needs at least {FEWEST_SCENES}"


def scene_interval(value: float, replicates: Floats, scenes: int, *, confidence: float = 0.95) -> Interval:
    """Interval of one run's metric over scenes.

    Args:
        value: the metric with every scene once.
        replicates: [R] the metric under `scene_weights(scenes, R)`.
        scenes: number of scenes, S.
        confidence: confidence of the two-sided interval, in 0..1.
    """
    finite = replicates[np.isfinite(replicates)]
    if scenes < FEWEST_SCENES:
        return Interval(value, np.nan, np.nan, "scenes", too_few(scenes))
    if not len(finite):
        return Interval(value, np.nan, np.nan, "scenes", "no replicate has a value")
    tail = float(special.ndtr(widened(scenes) * special.stdtrit(scenes - 1, (1 - confidence) / 2)))
    low, high = np.quantile(finite, [tail, 1 - tail])
    lost = len(replicates) - len(finite)
    caveat = f"{lost} of {len(replicates)} replicates have no value and are left out" if lost else ""
    return Interval(value, float(low), float(high), "scenes", caveat)


def paired_scene_test(difference: float, replicates: Floats, scenes: int) -> float:
    """Two-sided p value of "no difference" for two runs on the same scenes.

    This is the level at which `scene_interval` of the difference would just touch zero.

    Args:
        difference: metric of one run minus that of the other, on all scenes.
        replicates: [R] that difference under `scene_weights(scenes, R)`, with the same weights for both runs.
        scenes: number of scenes, S.

    Returns:
        p, at least that of one replicate in R + 1 beyond zero; NaN with fewer than FEWEST_SCENES scenes; 1 if both runs
        are equal under every weighting.
    """
    if scenes < FEWEST_SCENES or not np.isfinite(difference):
        return float("nan")
    if difference == 0 and not np.any(replicates):
        return 1.0
    below = float(np.mean(replicates < 0) + np.mean(replicates == 0) / 2)
    step = 1.0 / (len(replicates) + 1)
    z = special.ndtri(np.clip(min(below, 1 - below), step, 0.5))
    return float(2 * special.stdtr(scenes - 1, z / widened(scenes)))
