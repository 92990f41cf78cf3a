"""What a selection is worth: scores, and several methods compared over seeds."""
