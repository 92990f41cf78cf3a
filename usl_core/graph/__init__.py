"""What the kNN graph tells: neighbours, density, copies, near-duplicates."""
