"""The scene bootstrap for scoring: bounds of a whole run and of its slices, and the draws themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.replicates import Replicates, metrics_from_matches
from labeldistill.statistics.bootstrap import FEWEST_SCENES, Floats, Interval, scene_interval, scene_weights
from labeldistill.statistics.scene_scores import REPLICATES, overall_of, scene_intervals, scenes_present

Bounds = dict[str, tuple[float, float]]


@dataclass
class SceneBootstrap:
    """Scene bootstrap of one evaluation; all runs on a data set get the same draws of scenes.

    Attributes:
        replicates: number of draws. confidence: confidence of the bounds, in 0..1.
    """

    replicates: int = REPLICATES
    confidence: float = 0.95
    _whole: tuple[Matches, Replicates] | None = field(default=None, repr=False)

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
            self._whole = matches, metrics_from_matches(matches, weights)
        return overall_of(self._whole[1])

    def bounds(self, matches: Matches, classes: Sequence[str] | None) -> Bounds:
        """Metric -> low, high of a matching over `classes`, without metrics that have no bounds.

        The whole (classes None) is drawn over all scenes of the data set, and so are its classes, from the same draws,
        once the whole was asked for. A slice is drawn over the scenes that it occurs in.
        """
        if classes is None:
            drawn = self.draws(matches)
        elif self._whole is not None and self._whole[0] is matches:
            drawn = overall_of(self._whole[1].of(classes, matches.protocol))
        elif self.replicates == 0 or len(scenes_present(matches)) < FEWEST_SCENES:
            return {}
        else:
            found = scene_intervals(matches, classes=classes, confidence=self.confidence, replicates=self.replicates)
            return _known(found)
        scenes = len(matches.scene_names)
        return _known(
            {m: scene_interval(float(v[0]), v[1:], scenes, confidence=self.confidence) for m, v in drawn.items()}
        )


def _known(found: Mapping[str, Interval]) -> Bounds:
    return {metric: (one.low, one.high) for metric, one in found.items() if one.low == one.low}
