"""Step 1 of the paper: features learned without labels from the images themselves, by SimCLR or MoCo v2."""
