"""Files in the place of start weights: as if a public file had been imported."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file


def fake_start(file: Path, digits: str) -> None:
    """Write an imported weights file whose public source has a SHA-256 that begins with these digits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"imported": {"source": {"file": file.with_suffix(".pth").name, "sha256": digits.ljust(64, "0")}}}
    save_file({"a": torch.zeros(1)}, file, metadata={"labeldistill": json.dumps(about)})
