"""Gate 4: preprocessing. Recorded hashes of every step, and a study's own images against Pillow alone."""

import numpy as np
from numpy.random import RandomState
from PIL import Image

from labeldistill.data.augmentation import ImageAugmentation
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.images import normalised
from labeldistill.errors import LabelDistillError
from labeldistill.geometry.frames import Array
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.preflight.picture import recorded, steps, versions

NAME = "preprocessing"
LEVEL = 0.02
"""Of 256: what float32 may change of an image that is normalised and taken back."""
CROP_LEVELS = 2
"""By how much resizing only the crop may differ from resizing the whole image, which Pillow does here."""
KEY_FRAMES = 2


def look(context: Context) -> Gate:
    """Look at what becomes of an image and of projected points before a network sees them."""
    looks = Looks(NAME)
    _golden(looks)
    _marks(looks)
    try:
        for training in (False, True):
            _own_images(context, looks, training=training)
    except LabelDistillError as error:
        looks.skipped(f"the study's own images: {error}", "see the gate `data`")
    return looks.gate()


def _golden(looks: Looks) -> None:
    known, here = recorded(), steps()
    other = [name for name, value in known["steps"].items() if here.get(name) != value]
    if not other:
        looks.passed(f"{len(here)} steps give the recorded bits")
        return
    mine = versions()
    made_with = known["made with"].items()
    libraries = [f"{name} {mine[name]} instead of {was}" for name, was in made_with if mine[name] != was]
    blamed = ", ".join(libraries) or "the code (data/images.py, data/augmentation.py, data/depth_maps.py)"
    looks.failed(
        f"other values than recorded from step `{other[0]}` on ({len(other)} of {len(here)}): {blamed}",
        "official checkpoints score 1 to 3 points low under another resampling: install the pinned packages",
    )


def _marks(looks: Looks) -> None:
    """Where a bright spot lands, against the matrix that the network is told."""
    from labeldistill.data.images import augmented

    change = ImageAugmentation(0.5, (160, 90), (10, 20, 138, 84), flip=True, rotation_deg=4.0)
    off = 0.0
    for u, v in ((80, 90), (200, 60), (160, 150)):
        image = np.zeros((180, 320, 3), dtype=np.uint8)
        image[v - 3 : v + 4, u - 3 : u + 4] = 255
        seen = augmented(Image.fromarray(image), change)[:, :, 0].astype(np.float64)
        rows, columns = np.mgrid[0 : seen.shape[0], 0 : seen.shape[1]]
        spot = np.array([(columns * seen).sum(), (rows * seen).sum()]) / max(seen.sum(), 1)
        off = max(off, float(np.linalg.norm(spot - (change.matrix @ (u, v, 1, 1))[:2])))
    looks.judged(
        off < 1.5,
        f"a spot lands within {off:.2f} pixels of where the augmentation's matrix says",
        "images are moved otherwise than their matrices say (data/augmentation.py)",
    )


def _own_images(context: Context, looks: Looks, *, training: bool) -> None:
    run = context.settings(context.fullest)
    options = context.rules(context.fullest, training=training)
    if not options.images or options.image is None:
        looks.skipped("the study has no images")
        return
    split = "train" if training else context.plan.study.evaluation_split
    dataset, worst = KeyFrameDataset(context.infos, run, split, training), 0.0
    for index in range(min(KEY_FRAMES, len(dataset))):
        item = dataset.load(index, RandomState(index))
        assert item.images is not None
        assert item.levels is not None
        images = normalised(item.images[:1], item.levels)
        rows = context.infos.cameras_of(int(dataset.rows[index]))
        for camera, change in enumerate(dataset.image_augmentations(index, RandomState(index))):
            file = context.infos.dataroot / context.infos.cameras.file[rows.start + camera].as_py()
            got = images[0, camera].double().numpy().transpose(1, 2, 0) * options.image.std + options.image.mean
            wanted = _by_pillow(file, change)
            # the release puts B, G, R under the statistics of R, G, B
            wanted = wanted[:, :, ::-1] if run.released("colour_order") else wanted
            worst = max(worst, float(np.abs(got - wanted).max()))
    order = "BGR, as released" if run.released("colour_order") else "RGB"
    resize_error = 0 if options.image.resize == "whole" else CROP_LEVELS
    looks.judged(
        worst < LEVEL + resize_error,
        f"{'training' if training else 'evaluation'} images are {order} to {worst:.2g} of 256 levels",
        "images reach the network in another channel order, size or place than the study's settings say",
    )


def _by_pillow(file: object, change: ImageAugmentation) -> Array:
    with Image.open(str(file)) as image:
        seen = image.convert("RGB").resize(change.resized_px, Image.Resampling.BICUBIC).crop(change.crop)
    if change.flip:
        seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if change.rotation_deg:
        seen = seen.rotate(change.rotation_deg, Image.Resampling.NEAREST)
    return np.asarray(seen, dtype=np.float64)
