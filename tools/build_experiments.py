"""Make assets/experiments.json again: `python -m tools.build_experiments`."""

from __future__ import annotations

import json
import logging

from usl_core.demos.experiments import SAVED, experiment_names, run_experiment

log = logging.getLogger(__name__)


def main() -> None:
    """Run every experiment at seed 0 and keep the results."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    results = {name: run_experiment(name) for name in experiment_names()}
    SAVED.write_text(json.dumps(results, separators=(",", ":")) + "\n", encoding="utf-8")
    log.info("wrote %s", SAVED.name)


if __name__ == "__main__":
    main()
