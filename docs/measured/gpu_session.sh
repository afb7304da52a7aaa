#!/bin/bash
# gpu_session.sh OUT: everything that only a GPU can say, in at most 8 minutes; run from the root of a checkout.
# Needs Python with torch, numpy, pyarrow, pandas, scipy, pydantic, safetensors, psutil and typer; no data set, no network.
set -u
out=${1:?folder for the records}
mkdir -p "$out"
export PYTHONPATH=$PWD
python - <<'PYTHON' > "$out/device.json"
import json
from labeldistill.checks.selfcheck import machine
print(json.dumps(machine("cuda"), indent=1))
PYTHON
timeout 240 python -m labeldistill.cli.main selfcheck --device cuda --minutes 3.5 --json > "$out/selfcheck.json"
echo "selfcheck ended with $?"
timeout 90 python - <<'PYTHON' > "$out/batch-16.json"
import json
from dataclasses import asdict
from labeldistill.checks.selfcheck import Sizes, speeds
from labeldistill.config.load import load_study
print(json.dumps([asdict(each) for each in speeds(load_study("paper-r50-3f"), "cuda", Sizes(batch=16))], indent=1))
PYTHON
echo "batch 16 ended with $?"
timeout 60 python - <<'PYTHON' > "$out/syncs.json"
import json
from labeldistill.checks.selfcheck import Sizes, host_syncs
from labeldistill.config.load import load_study
print(json.dumps(host_syncs(load_study("paper-r50-3f"), "full", Sizes()), indent=1))
PYTHON
echo "syncs ended with $?"
timeout 60 python - <<'PYTHON' > "$out/inference.json"
import json
from dataclasses import asdict
from labeldistill.checks.device_rows import inference
from labeldistill.config.load import load_study
print(json.dumps(asdict(inference(load_study("paper-r50-3f"), "full", "cuda")), indent=1))
PYTHON
echo "inference ended with $?"
timeout 30 python - <<'PYTHON' > "$out/sparse.json"
import json
from dataclasses import asdict
from labeldistill.checks.device_rows import sparse_race
print(json.dumps([asdict(each) for each in sparse_race("cuda")], indent=1))
PYTHON
echo "sparse ended with $?"
