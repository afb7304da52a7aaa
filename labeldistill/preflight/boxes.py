"""Gate 3: the box convention, from nuScenes' tables through every transform and back, against points and images."""

from dataclasses import replace

from labeldistill.config.model import BevAugmentationSettings
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.points import SweepOptions
from labeldistill.errors import LabelDistillError
from labeldistill.nuscenes.study_files import sampled
from labeldistill.preflight.box_images import look_at_images, look_at_rig
from labeldistill.preflight.box_points import look_at_points
from labeldistill.preflight.box_round_trip import look_at_round_trip
from labeldistill.preflight.box_sizes import look_at_sizes
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks

NAME = "boxes"
KEY_FRAMES = 40
"""Most key frames of the evaluation split that are looked at, spread over its scenes."""


def look(context: Context) -> Gate:
    """Look at the ground truth as training and scoring see it."""
    looks = Looks(NAME)
    try:
        plain, augmented = (_dataset(context, training=training) for training in (False, True))
        chosen = sampled(plain.tokens, KEY_FRAMES)
        look_at_round_trip(context, (plain, augmented), chosen, looks)
        look_at_points(context.infos, (plain, augmented), chosen, looks)
        look_at_sizes(context.infos, looks)
        look_at_rig(context.infos, looks)
        look_at_images(context, chosen, looks)
    except LabelDistillError as error:
        looks.failed(str(error), "the gate `data` comes first: see what it says")
    return looks.gate()


def _dataset(context: Context, *, training: bool) -> KeyFrameDataset:
    """Key frames of the evaluation split as the fullest student's rules have them, but without images and sweeps.

    The frame is the LiDAR's, where points and boxes lie; the augmentation is the released one, whatever the study's.
    """
    rules = replace(
        context.rules(context.fullest, training=training),
        images=False,
        depth=False,
        points=True,
        mean_camera_pose=False,
        sweeps=SweepOptions(0, 0, cut_at_gap=False),
        bev=BevAugmentationSettings(),
    )
    run = context.settings(context.fullest)
    return KeyFrameDataset(context.infos, run, context.plan.study.evaluation_split, training, options=rules)
