"""CPU seconds and memory of judging a result file of val's size, the first time and again.

    pytest tests/benchmarks -k judging --benchmark-only -s

The ground truth is there as columns; how long the tables take to become that is measured with the evaluator.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from generated_split import Size, generate

from labeldistill.evaluation.ground_truth_cache import write_columns
from labeldistill.evaluation.results_json import write_results

SAMPLES = int(os.environ.get("LABELDISTILL_BENCH_SAMPLES", "6019"))
SCRIPT = """
import json, resource, sys, time
from pathlib import Path
from labeldistill.evaluation.ground_truth_cache import read_columns
from labeldistill.evaluation.scoring import scored
from labeldistill.judging.read_file import read_file
from labeldistill.judging.signatures import signatures
folder = Path(sys.argv[1])
truth, found = read_columns(folder / "truth.npz"), read_file(folder / "val.json", folder / "cache")
metrics = scored(found, truth).metrics
assert signatures(found, truth, metrics, lambda: 1 / 0) == []
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"seconds": time.process_time(), "peak_gb": peak}))
"""


@pytest.mark.timeout(1800)
def test_judging_a_file_of_vals_size(benchmark: Any, tmp_path: Path, capsys: Any) -> None:
    predictions, truth = generate(Size(samples=SAMPLES, scenes=max(1, SAMPLES // 40)))
    write_results(predictions, tmp_path / "val.json")
    write_columns(truth, tmp_path / "truth.npz")
    del predictions, truth

    def run() -> dict[str, float]:
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))

    first = run()
    again = benchmark.pedantic(run, rounds=1)
    with capsys.disabled():
        print(f"\nfirst {first['seconds']:.1f} CPU s, {first['peak_gb']:.2f} GB; again {again['seconds']:.1f} CPU s")
    assert first["seconds"] < 100
    assert first["peak_gb"] < 4
    assert again["seconds"] < 15
