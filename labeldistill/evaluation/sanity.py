"""Findings: patterns of scores that indicate a mistake rather than a weak model, by name."""

import numpy as np

from labeldistill.evaluation.metrics import Metrics

MAX_CENTRE_M, MAX_SCALE, MAX_TURN_RAD = 0.8, 0.5, 1.0
"""Centres better than the first limit, with sizes or headings worse than the others, mean a box-convention error."""


def findings(metrics: Metrics) -> list[str]:
    """Mistakes that the scores indicate; empty if nothing looks wrong.

    Box-convention error: centres are found (mATE < 0.8 m) but sizes (mASE > 0.5) or headings (mAOE > 1.0 rad) are not,
    as happens when width and length, the sign of yaw or its zero differ between the head and the result file. Classes
    that were never found count as errors of 1 and can look similar; the finding then says so instead.
    """
    errors = metrics.tp_errors
    if not _marked(errors["trans_err"], errors["scale_err"], errors["orient_err"]):
        return []
    text = f"mATE {errors['trans_err']:.3f} m, mASE {errors['scale_err']:.3f}, mAOE {errors['orient_err']:.3f} rad"
    lost = [name for name, of in metrics.label_tp_errors.items() if of["trans_err"] == 1.0]
    found = [of for name, of in metrics.label_tp_errors.items() if name not in lost]
    means = [float(np.nanmean([of[metric] for of in found])) for metric in ("trans_err", "scale_err", "orient_err")]
    if lost and not _marked(*means):
        return [f"{text}: sizes and headings look bad only because {', '.join(lost)} were never found (each counts 1)"]
    if means[1] <= MAX_SCALE:
        return [
            f"{text}: headings are hardly better than chance: not learnt yet, as after a short training, or a "
            "box-convention error (the sign or the zero of yaw, the frame of the boxes)"
        ]
    return [
        f"box-convention error: {text}; centres are found, sizes are not: check the order of width and length, and the "
        "frame of the boxes"
    ]


def _marked(centre: float, scale: float, turn: float) -> bool:
    return centre < MAX_CENTRE_M and (scale > MAX_SCALE or turn > MAX_TURN_RAD)
