"""Picks to files, the record of a run, and the command that repeats what was done in the app."""
