"""Every selector beside USL at n = 50,000, d = 128, m = 40, each in a process of its own: time and peak memory.

`stratified` is left out, which needs labels, and USL-T, which trains; the graph that USL needs is part of its time.
"""

from __future__ import annotations

import usl_core as usl

from .harness import Row, in_child

_LEFT_OUT = {"stratified", "usl-t"}
_ONCE = """
import json, sys, time
import usl_core as usl
from benchmarks.harness import peak_memory_mb
from benchmarks.selection import BUDGET, made_up_features
x = made_up_features()
start = time.perf_counter()
usl.select(x, BUDGET, sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - start, "mb": peak_memory_mb()}))
"""
_SECONDS, _MB = 10, 2048


def rows() -> list[Row]:
    """All rows of this group."""
    found = {method: in_child(_ONCE, method) for method in usl.methods() if method not in _LEFT_OUT}
    made = []
    for method, its in found.items():
        what = f"{method}: 40 of 50,000 images"
        made.append(Row(what=what, ours=its["seconds"], rival=_SECONDS, rival_name="what is promised", bound=1))
        made.append(Row(what=f"{what}, against USL", ours=its["seconds"], rival=found["usl"]["seconds"], rival_name="USL"))
        made.append(Row(what=f"{what}, peak memory", ours=its["mb"], rival=_MB, rival_name="2 GB", unit="MB", bound=1))
    return made
