"""k-means that always ends with m non-empty clusters."""
