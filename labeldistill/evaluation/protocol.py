"""The nuScenes detection protocol (configuration `detection_cvpr_2019` of the devkit) as plain values."""

from dataclasses import dataclass

from labeldistill.geometry.classes import CLASSES
from labeldistill.nuscenes.splits import OFFICIAL

ATTRIBUTES: tuple[str, ...] = (
    "",
    "pedestrian.moving",
    "pedestrian.sitting_lying_down",
    "pedestrian.standing",
    "cycle.with_rider",
    "cycle.without_rider",
    "vehicle.moving",
    "vehicle.parked",
    "vehicle.stopped",
)
"""Attribute columns contain indices into this tuple; 0 means "no attribute"."""

BIKE_RACK = "static_object.bicycle_rack"
"""Bicycles and motorcycles (predicted or real) whose centre lies in a rack of this category are not scored."""

TP_METRICS: tuple[str, ...] = ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err")
"""The five true-positive errors in the devkit's order, in metres, 1 - IoU, radians, m/s and 1 - accuracy."""

RECALL_POINTS = 101
"""Every curve is sampled at recall 0, 0.01, .. 1."""


@dataclass(frozen=True)
class Protocol:
    """What scores depend on besides boxes. The defaults are the published protocol.

    Attributes:
        class_range_m: boxes at this distance from the ego vehicle (xy) or farther are not scored; the devkit's order.
        thresholds_m: a match needs a centre distance (xy) strictly below; AP is averaged over these.
        tp_threshold_m: the one of `thresholds_m` at which true-positive errors are measured.
    """

    class_range_m: tuple[tuple[str, float], ...] = (
        ("car", 50),
        ("truck", 50),
        ("bus", 50),
        ("trailer", 50),
        ("construction_vehicle", 50),
        ("pedestrian", 40),
        ("motorcycle", 40),
        ("bicycle", 40),
        ("traffic_cone", 30),
        ("barrier", 30),
    )
    thresholds_m: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    tp_threshold_m: float = 2.0
    min_recall: float = 0.1
    min_precision: float = 0.1
    max_boxes_per_sample: int = 500
    mean_ap_weight: int = 5

    @property
    def class_names(self) -> tuple[str, ...]:
        """The ten classes in the devkit's order."""
        return tuple(name for name, _ in self.class_range_m)

    @property
    def ranges_m(self) -> tuple[float, ...]:
        """Range of each class in the order of `geometry.classes.CLASSES`."""
        ranges = dict(self.class_range_m)
        return tuple(ranges[name] for name in CLASSES)

    def as_config(self) -> dict[str, object]:
        """The devkit's serialised configuration (block `cfg` of metrics_summary.json)."""
        return {
            "class_range": dict(self.class_range_m),
            "dist_fcn": "center_distance",
            "dist_ths": list(self.thresholds_m),
            "dist_th_tp": self.tp_threshold_m,
            "min_recall": self.min_recall,
            "min_precision": self.min_precision,
            "max_boxes_per_sample": self.max_boxes_per_sample,
            "mean_ap_weight": self.mean_ap_weight,
        }


PROTOCOL = Protocol()

UNDEFINED_ERRORS: frozenset[tuple[str, str]] = frozenset(
    {
        ("traffic_cone", "attr_err"),
        ("traffic_cone", "vel_err"),
        ("traffic_cone", "orient_err"),
        ("barrier", "attr_err"),
        ("barrier", "vel_err"),
    }
)
"""(class, error) pairs that the protocol leaves out of every mean (NaN)."""

PREDEFINED_SPLITS = frozenset(OFFICIAL)
"""Split names that the devkit knows; it keeps their predictions in the file's order, which breaks ties of scores."""
