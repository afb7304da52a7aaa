"""The smallest study there is, and a folder where Snakemake and the CLI run it as a user would."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from labeldistill.config.load import studies_folder

ROOT = Path(__file__).resolve().parents[2]
NANO = {
    "extends": "smoke",
    "description": "the smallest study there is",
    "seeds": [3],
    "data": {
        "synth": {
            "scenes": {"train": 1, "val": 1, "tuning": 1},
            "key_frames_per_scene": 2,
            "sweeps_per_key_frame": 1,
            "lidar_azimuths": 96,
        },
        "past_sweeps": 1,
        "future_sweeps": 0,
    },
    "teacher_training": {"steps": 2, "batch": 2, "warmup_steps": 1},
    "label_encoder_training": {"steps": 2, "batch": 2, "warmup_steps": 1},
    "student_training": {"steps": 2, "batch": 2, "warmup_steps": 1},
    "variants!": {
        "baseline": {"terms": {"detection": 1.0, "depth": 3.0}},
        "full": {
            "terms": {
                "detection": 1.0,
                "depth": 3.0,
                "lidar_feature": 0.3,
                "label_feature": 0.3,
                "response": 1.0,
            }
        },
    },
    "benchmark": {"warmup": 0, "repeats": 1},
}


class Workplace:
    """A folder with a study of its own, where Snakemake and the CLI run as a user would run them.

    Args:
        folder: an empty folder, or one that was a workplace already.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.studies = folder / "studies"
        if self.studies.is_dir():
            return
        self.studies.mkdir(parents=True)
        for file in studies_folder().resolve().glob("*.yaml"):
            shutil.copy(file, self.studies)
        for room in ("claims", "references", "schemas"):
            source = studies_folder().resolve().parent / room
            if source.is_dir():
                shutil.copytree(source, folder / room)
        self.write(NANO)

    def write(self, study: dict[str, object]) -> None:
        (self.studies / "nano.yaml").write_text(yaml.safe_dump(study))

    def run(
        self, *command: str, first: Path | None = None, largest_file: int | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder.

        Args:
            first: a folder that Python looks into before any other (for a planted `sitecustomize`).
            largest_file: bytes that a file may grow to, as on a full disk.
            more: environment variables.
        """
        env = {**os.environ, "LABELDISTILL_STUDIES": str(self.studies), **more}
        env["PYTHONPATH"] = f"{first}:{ROOT}" if first else str(ROOT)
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        limit = (
            None if largest_file is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file,) * 2))
        )
        return subprocess.run(
            command,
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
            preexec_fn=limit,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            *("snakemake", *arguments, "--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "2"),
            *("--config", "study=nano"),
        )

    def records(self) -> dict[tuple[str, str], dict[str, object]]:
        files = self.folder.glob("results/nano/*/seed-*/*/record.json")
        return {(f.parts[-4], f.parts[-2]): json.loads(f.read_text()) for f in files}
