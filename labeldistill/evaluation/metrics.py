"""mAP, the five true-positive errors and NDS of one matching, per class and overall."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

import numpy as np

from labeldistill.evaluation.curves import Curves, average_precision, curves_of, mean_error
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.protocol import TP_METRICS, UNDEFINED_ERRORS, Protocol

SHORT_NAMES = {
    "trans_err": "mATE",
    "scale_err": "mASE",
    "orient_err": "mAOE",
    "vel_err": "mAVE",
    "attr_err": "mAAE",
}
"""The field's names of the mean errors."""


class Scores(Interface):
    """The inputs of an overall metric: single numbers of one evaluation, or arrays [R] of R replicates."""

    @property
    def mean_ap(self) -> Any:
        """mAP in 0..1."""

    @property
    def nd_score(self) -> Any:
        """NDS in 0..1."""

    @property
    def tp_errors(self) -> Mapping[str, Any]:
        """The five mean errors by the devkit's names."""


def _error(name: str) -> Callable[[Scores], Any]:
    return lambda scores: scores.tp_errors[name]


OVERALL: dict[str, Callable[[Scores], Any]] = {
    "mAP": lambda scores: scores.mean_ap,
    "NDS": lambda scores: scores.nd_score,
    **{short: _error(name) for name, short in SHORT_NAMES.items()},
}
"""How each metric of `config.metrics` is computed, once for single evaluations and for bootstrap replicates."""


@dataclass(frozen=True)
class Metrics:
    """The content of the devkit's metrics_summary.json.

    Attributes:
        protocol: classes and thresholds.
        label_aps: class -> threshold (metres) -> AP in 0..1.
        label_tp_errors: class -> error -> value; NaN if the class has no such error.
    """

    protocol: Protocol
    label_aps: dict[str, dict[float, float]]
    label_tp_errors: dict[str, dict[str, float]]

    @property
    def mean_dist_aps(self) -> dict[str, float]:
        """AP of each class, mean over thresholds."""
        return {name: float(np.mean(list(aps.values()))) for name, aps in self.label_aps.items()}

    @property
    def mean_ap(self) -> float:
        """mAP in 0..1, mean over classes and thresholds."""
        return float(np.mean(list(self.mean_dist_aps.values())))

    @property
    def tp_errors(self) -> dict[str, float]:
        """The five errors, mean over the classes that have them; lower is better."""
        table = {metric: [of_class[metric] for of_class in self.label_tp_errors.values()] for metric in TP_METRICS}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all classes NaN: the mean is NaN, as in the devkit
            return {metric: float(np.nanmean(values)) for metric, values in table.items()}

    @property
    def tp_scores(self) -> dict[str, float]:
        """1 - error, at least 0."""
        return {metric: max(0.0, 1.0 - error) for metric, error in self.tp_errors.items()}

    @property
    def nd_score(self) -> float:
        """NDS in 0..1: five times mAP and the five scores, over ten."""
        weight, scores = self.protocol.mean_ap_weight, self.tp_scores
        return float(weight * self.mean_ap + np.sum(list(scores.values()))) / float(weight + len(scores))

    def summary(self, eval_time_s: float) -> dict[str, Any]:
        """The content of metrics_summary.json, without `meta`."""
        return {
            "label_aps": self.label_aps,
            "mean_dist_aps": self.mean_dist_aps,
            "mean_ap": self.mean_ap,
            "label_tp_errors": self.label_tp_errors,
            "tp_errors": self.tp_errors,
            "tp_scores": self.tp_scores,
            "nd_score": self.nd_score,
            "eval_time": eval_time_s,
            "cfg": self.protocol.as_config(),
        }

    def rows(self) -> Iterator[tuple[str, str, float]]:
        """(metric, class, value) of every number; class "all" for overall numbers. APs in 0..1, errors in their units.

        Metrics: mAP, NDS, mATE .. mAAE (class "all"); AP, AP@<metres>, ATE .. AAE (each class).
        """
        yield from ((metric, "all", value_of(self)) for metric, value_of in OVERALL.items())
        for name, value in self.mean_dist_aps.items():
            yield "AP", name, value
            yield from ((f"AP@{threshold}", name, ap) for threshold, ap in self.label_aps[name].items())
            yield from ((SHORT_NAMES[m][1:], name, error) for m, error in self.label_tp_errors[name].items())


def all_curves(matches: Matches) -> dict[tuple[str, float], Curves]:
    """Curves of every (class, threshold in metres), in the devkit's order."""
    protocol = matches.protocol
    return {
        (name, threshold): curves_of(matches, name, index)
        for name in protocol.class_names
        for index, threshold in enumerate(protocol.thresholds_m)
    }


def metrics_of(
    curves: dict[tuple[str, float], Curves], protocol: Protocol, classes: Sequence[str] | None = None
) -> Metrics:
    """Metrics from all curves; means are over `classes` (None: all ten, as in the devkit)."""
    names = protocol.class_names if classes is None else classes

    def error(name: str, metric: str) -> float:
        if (name, metric) in UNDEFINED_ERRORS:
            return float("nan")
        return mean_error(curves[name, protocol.tp_threshold_m], metric, protocol)

    return Metrics(
        protocol,
        {name: {at: average_precision(curves[name, at], protocol) for at in protocol.thresholds_m} for name in names},
        {name: {metric: error(name, metric) for metric in TP_METRICS} for name in names},
    )


def details(curves: dict[tuple[str, float], Curves]) -> dict[str, dict[str, list[float]]]:
    """The content of metrics_details.json."""
    return {f"{name}:{threshold}": of.as_lists() for (name, threshold), of in curves.items()}
