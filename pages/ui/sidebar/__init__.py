"""Widgets to parameter objects: each control is derived from its parameter's declaration."""
