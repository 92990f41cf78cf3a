"""Two-dimensional maps of the feature space, and how far they may be trusted."""
