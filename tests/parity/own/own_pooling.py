"""05d: voxel pooling, one frustum point after the other."""

from typing import Any

import numpy as np
import torch
from own_nets import normal

SAMPLES, CAMERAS, DEPTHS, ROWS, COLUMNS, CHANNELS = 2, 2, 3, 3, 4, 5
CELLS = (6, 5, 1)  # along x, y, z


def pooling() -> dict[str, Any]:
    """Points in and outside of the grid along every axis, several in one cell, cells with none."""
    rng = np.random.default_rng(5)
    shape = (SAMPLES, CAMERAS, DEPTHS, ROWS, COLUMNS)
    voxels = np.stack([rng.integers(-2, n + 2, shape) for n in CELLS], -1)
    voxels[..., 2][rng.random(shape) < 0.6] = 0
    features, grad_out = normal(rng, *shape, CHANNELS), normal(rng, SAMPLES, CHANNELS, CELLS[1], CELLS[0])
    depth = torch.from_numpy(rng.random((SAMPLES * CAMERAS, DEPTHS, ROWS, COLUMNS)).astype(np.float32))
    context = normal(rng, SAMPLES * CAMERAS, CHANNELS, ROWS, COLUMNS)
    train, inference = torch.zeros(grad_out.shape).double(), torch.zeros(grad_out.shape).double()
    grad_features = torch.zeros(features.shape)
    for b, n, d, row, column in np.ndindex(*shape):
        x, y, z = voxels[b, n, d, row, column]
        if not (0 <= x < CELLS[0] and 0 <= y < CELLS[1] and 0 <= z < CELLS[2]):
            continue
        image = b * CAMERAS + n
        train[b, :, y, x] += features[b, n, d, row, column]
        inference[b, :, y, x] += depth[image, d, row, column].double() * context[image, :, row, column]
        grad_features[b, n, d, row, column] = grad_out[b, :, y, x]
    return {
        "geom_xyz": torch.from_numpy(voxels.astype(np.int32)),
        "input_features": features,
        "voxel_num": torch.tensor(CELLS),
        "out_train": train.float(),
        "grad_out": grad_out,
        "grad_features": grad_features,
        "depth": depth,
        "context": context,
        "out_inference": inference.float(),
    }
