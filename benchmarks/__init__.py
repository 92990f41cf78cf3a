"""Measurements, each beside its rival in one run: `python -m benchmarks [GROUP ...]`."""
