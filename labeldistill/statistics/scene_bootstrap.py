"""The scene bootstrap for scoring: bounds of a whole run and of its slices, and the draws themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from labeldistill.evaluation.matches import Matches
from labeldistill.statistics.bootstrap import FEWEST_SCENES, Floats, scene_interval, scene_weights
from labeldistill.statistics.scene_scores import REPLICATES, overall_scores, scene_intervals, scenes_present

Bounds = dict[str, tuple[float, float]]


@dataclass
class SceneBootstrap:
    """Scene bootstrap of one evaluation; all runs on a data set get the same draws of scenes.

    Attributes:
        replicates: number of draws. confidence: confidence of the bounds, in 0..1.
    """

    replicates: int = REPLICATES
    confidence: float = 0.95
    _whole: tuple[Matches, dict[str, Floats]] | None = field(default=None, repr=False)

    def draws(self, matches: Matches) -> dict[str, Floats]:
        """Metric -> [1 + replicates]: mAP, NDS and the five errors on all scenes, then for each draw of scenes.

        Empty with fewer than FEWEST_SCENES scenes. The draws depend only on the number of scenes, so that those of
        two runs on the same scenes can be subtracted.
        """
        scenes = len(matches.scene_names)
        if scenes < FEWEST_SCENES or self.replicates == 0:
            return {}
        if self._whole is None or self._whole[0] is not matches:
            weights = np.concatenate([np.ones((1, scenes), dtype=np.int64), scene_weights(scenes, self.replicates)])
            self._whole = matches, overall_scores(matches, weights)
        return self._whole[1]

    def bounds(self, matches: Matches, classes: Sequence[str] | None) -> Bounds:
        """Metric -> low, high of a matching over `classes`, without metrics that have no bounds.

        The whole (classes None) is drawn over all scenes of the data set, a slice over the scenes that it occurs in.
        """
        if classes is None:
            scenes = len(matches.scene_names)
            found = {
                metric: scene_interval(float(drawn[0]), drawn[1:], scenes, confidence=self.confidence)
                for metric, drawn in self.draws(matches).items()
            }
        elif self.replicates == 0 or len(scenes_present([matches])) < FEWEST_SCENES:
            return {}
        else:
            found = scene_intervals(matches, classes=classes, confidence=self.confidence, replicates=self.replicates)
        return {metric: (one.low, one.high) for metric, one in found.items() if one.low == one.low}
