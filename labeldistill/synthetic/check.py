"""Refusing settings that make no world, with the wrong key; and the official names of scenes."""

from labeldistill.config.data import SynthSettings
from labeldistill.errors import InputError
from labeldistill.synthetic.facts import FACTS

_OFFICIAL = {"train": "train", "val": "val", "tuning": "train"}


def _refuse(key: str, message: str) -> None:
    raise InputError(message, key=f"synth.{key}")


def check_settings(settings: SynthSettings, version: str) -> None:
    """Refuse settings from which no world can be made.

    Raises:
        InputError: with the key `synth.<name>`.
    """
    unknown = sorted(set(settings.classes) - set(FACTS))
    if unknown or not settings.classes:
        _refuse("classes", f"unknown class {unknown}; known are {sorted(FACTS)}" if unknown else "names no class")
    low, high = settings.objects_per_scene
    if not 1 <= low <= high:
        _refuse("objects_per_scene", f"({low}, {high}) is not a range of at least one object, least first")
    height, width = settings.image_size_px
    if min(height, width) < 16:
        _refuse("image_size_px", f"({height}, {width}): images are 16 x 16 pixels or more, height first")
    for split, count in settings.scenes.items():
        if split not in _OFFICIAL or count < 0:
            _refuse(f"scenes.{split}", f"{count} scenes; splits are {sorted(_OFFICIAL)}, counts 0 or more")
    if sum(settings.scenes.values()) == 0:
        _refuse("scenes", "the world has no scene")
    if not version or "/" in version:
        raise InputError(f"{version!r} is not a name of a version's folder", key="version")


def scene_names(settings: SynthSettings) -> dict[str, list[str]]:
    """Official scene names of every split; tuning takes the last train names, so it shares no scene with train.

    Raises:
        InputError: more scenes than nuScenes has names.
    """
    from nuscenes.utils.splits import train, val

    counts = {split: settings.scenes.get(split, 0) for split in _OFFICIAL}
    if counts["train"] + counts["tuning"] > len(train):
        _refuse("scenes.train", f"train and tuning together have at most {len(train)} scenes")
    if counts["val"] > len(val):
        _refuse("scenes.val", f"at most {len(val)} scenes")
    tuning = train[len(train) - counts["tuning"] :]
    return {"train": train[: counts["train"]], "val": val[: counts["val"]], "tuning": tuning}
