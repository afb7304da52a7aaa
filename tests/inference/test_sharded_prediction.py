"""A split predicted by several processes: the same files as by one, every sample once."""

from pathlib import Path

import pytest
from stage_runs import Runs

from labeldistill.config.run_files import predictions_path
from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.inference.predict import predict
from labeldistill.training.job import Execution
from labeldistill.training.weights_file import WEIGHTS


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "processes"), [("full", 2), ("teacher", 3)])
def test_several_processes_write_the_files_of_one(runs: Runs, tmp_path: Path, unit: str, processes: int) -> None:
    settings = runs.settings(unit)
    # batches of one: four key frames make four of them, dealt out as 2 + 2 or as 2 + 1 + 1
    settings = settings.model_copy(update={"training": settings.training.model_copy(update={"batch_per_device": 1})})
    run = runs.located(unit, settings)
    for devices in (1, processes):
        predict(run, "train", tmp_path / str(devices), Execution(device="cpu", devices=devices))
    for weights in WEIGHTS:
        one, several = (predictions_path(tmp_path / str(n), weights) for n in (1, processes))
        assert several.read_bytes() == one.read_bytes()
        found = Predictions.read(several)
        assert len(found.tokens) == len(set(found.tokens)) == 4
        assert len(found) > 0


def test_no_device_is_refused(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="devices: at least one device"):
        predict(runs.located("baseline"), "val", tmp_path, Execution(device="cpu", devices=0))
