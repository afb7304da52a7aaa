"""What the runs of each unit took: time, waiting, memory and energy, from their records."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_COLUMNS: dict[str, tuple[str, float]] = {
    "wall_s": ("wall clock (min)", 1 / 60),
    "cpu_s": ("CPU (min)", 1 / 60),
    "gpu_hours": ("GPU hours", 1.0),
    "data_wait_s": ("waiting for data (min)", 1 / 60),
    "peak_memory_bytes": ("peak memory (GB)", 1e-9),
    "peak_gpu_memory_bytes": ("peak GPU memory (GB)", 1e-9),
    "energy_j": ("energy (kJ)", 1e-3),
}


def usage_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per unit: number of runs, the mean of what each took, and the sum of CPU and GPU time and energy.

    A column that no record has a number for is left out; means run over the records that have one.
    """
    rows = [{"unit": str(record["variant"]), **record.get("usage", {})} for record in records if "variant" in record]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    found = pd.DataFrame({"runs": table.groupby("unit", sort=False).size()})
    for name, (words, factor) in _COLUMNS.items():
        if name not in table:
            continue
        values = pd.to_numeric(table[name], errors="coerce") * factor
        if values.fillna(0).eq(0).all():
            continue
        found[words] = values.groupby(table["unit"], sort=False).mean()
        if name in ("cpu_s", "gpu_hours", "energy_j"):
            found[f"{words}, all runs"] = values.groupby(table["unit"], sort=False).sum(min_count=1)
    return found
