"""Why these picks: the rounds of USL made again, the steps to it, and what lambda and alpha change."""
