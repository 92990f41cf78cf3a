"""What maintainers run from a checkout: what comes along is made again here. Not in the wheel."""
