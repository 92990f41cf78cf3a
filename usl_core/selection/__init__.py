"""Selectors, one per file with one signature, and the registry that knows them."""
