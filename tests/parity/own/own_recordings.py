"""Our own recordings: files of the golden layout, made by oracles that share no code with `labeldistill`.

Each oracle is the definition in plain loops, NumPy or single functions of torch, in float64, on a few cells. Not
imitated, because the recording is that of a whole network or of real files (its parts have tests of their own in
`tests/models`, `tests/distillation`, `tests/training`, `tests/data` and `tests/weights`):

* 03, 04: head, targets, losses and detections of whole samples;
* 05, 05b, 05c: camera branch and depth net; 06, 07: end to end; 08c: SECOND, its neck and its head;
* 09: items of the dataset. Of its file only `infos` is made, which 09b reads: it lies in a folder of its own;
* 12, 13: names, shapes and start values of the full-size networks, which only the release can tell.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from own_adaptor import adaptor
from own_boxes import result_boxes, result_file
from own_decode import decode
from own_ema import ema
from own_frustum import full_frustum
from own_images import dataset_functions, infos
from own_label_encoder import label_encoder
from own_label_maps import label_maps
from own_optimizer import optimizer_groups
from own_pooling import pooling
from own_sparse_encoder import sparse_encoder
from own_voxels import voxels

Recordings = dict[str, Callable[[], Any]]
CORE: Recordings = {
    "01_label_backbone.pt": label_encoder,
    "02_distill_adaptor.pt": adaptor,
    "03b_gen_labelinput.pt": label_maps,
    "05d_voxel_pooling.pt": pooling,
    "05e_full_frustum.pt": full_frustum,
    "08_voxelize_vfe.pt": voxels,
    "08b_sparse_encoder.pt": sparse_encoder,
    "08d_decode_circle_nms.pt": decode,
    "10_ema.pt": ema,
    "10b_optimizer_groups_labeldistill_r50_2key.json": optimizer_groups,
    "10b_optimizer_groups_labeldistill_r50_4key.json": optimizer_groups,
    "11_format_bbox.pt": result_boxes,
    "11_results_nusc.json": result_file,
}
FUNCTIONS = "09b_dataset_functions.pt"
IMAGES: Recordings = {FUNCTIONS: dataset_functions, "09_dataset.pt": infos}


def save(value: Any, file: Path) -> None:
    """Write one recording."""
    if file.suffix == ".json":
        file.write_text(json.dumps(value))
    else:
        torch.save(value, file)


def record(recordings: Recordings, folder: Path) -> Path:
    """Make every file in `folder`, and say where."""
    for name, oracle in recordings.items():
        save(oracle(), folder / name)
    return folder
