"""What trainings of any kind share: the loop over epochs and steps, and what is kept on disk to go on from."""
