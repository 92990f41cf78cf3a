"""Classifiers on frozen features, fitted to the images that have a label."""
