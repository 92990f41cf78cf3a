"""How long until something is on screen: the import, and the bundled demo."""

from __future__ import annotations

import statistics

from .harness import Row, in_child

_TIMED = "import json, time; t = time.perf_counter(); {code}; print(json.dumps({{'s': time.perf_counter() - t}}))"
_DEMO = (
    "import usl_core as usl; d = usl.load_demo('digits'); "
    "[usl.select(d.features, 40, m, labels=d.images.labels, neighbors=d.neighbors) for m in ('random', 'stratified', 'usl')]"
)


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
    ]
