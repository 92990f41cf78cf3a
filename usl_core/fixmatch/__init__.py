"""FixMatch and FlexMatch: a network that learns from the images themselves, a few of which have a label."""
