"""USL-T: learnable k-means. Losses as pure functions, the heads that they train, the training, and what to say of it."""
