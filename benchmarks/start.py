"""How long until something is on screen: the import, the bundled demo, the first map."""

from __future__ import annotations

import statistics

from .harness import Row, in_child

_TIMED = "import json, time; t = time.perf_counter(); {code}; print(json.dumps({{'s': time.perf_counter() - t}}))"
_DEMO = (
    "import usl_core as usl; d = usl.load_demo('digits'); "
    "[usl.select(d.features, 40, m, labels=d.images.labels, neighbors=d.neighbors) for m in ('random', 'stratified', 'usl')]"
)
_MAPS = """
import json, time
import numpy as np, usl_core as usl
rng = np.random.default_rng(0)
x = rng.normal(size=(20, 64))[np.arange(2000) % 20] + 0.7 * rng.normal(size=(2000, 64))
graph, found = usl.find_neighbors(x, 20), {}
for turn in ("first", "second"):
    start = time.perf_counter()
    usl.project(x, graph)
    found[turn] = time.perf_counter() - start
print(json.dumps(found))
"""


def _map(repeats: int) -> Row:
    """With what numba compiles kept, as it is once the app has stood idle or a map was drawn."""
    in_child(_MAPS)
    runs = [in_child(_MAPS) for _ in range(repeats)]
    first, second = (statistics.median(run[turn] for run in runs) for turn in ("first", "second"))
    what = "UMAP of 2,000 images, automatic min_dist, first in a fresh process"
    return Row(what=what, ours=first, rival=second, rival_name="the second there", bound=1.5)


def _median_of_children(code: str, repeats: int) -> float:
    return statistics.median(in_child(_TIMED.format(code=code))["s"] for _ in range(repeats))


def rows(repeats: int = 7) -> list[Row]:
    """All rows of this group."""
    ours, numpy = (_median_of_children(code, repeats) for code in ("import usl_core", "import numpy"))
    demo = _median_of_children(_DEMO, repeats)
    return [
        Row(what="import usl_core", ours=ours, rival=0.3, rival_name="the 0.3 s we promise", bound=1),
        Row(what="import usl_core", ours=ours, rival=numpy, rival_name="import numpy"),
        Row(
            what="fresh process to three selections on the digits demo",
            ours=demo,
            rival=0.5,
            rival_name="the 0.5 s we promise",
            bound=1,
        ),
        Row(
            what="fresh process to three selections on the digits demo",
            ours=demo,
            rival=numpy,
            rival_name="import numpy",
        ),
        _map(repeats),
    ]
