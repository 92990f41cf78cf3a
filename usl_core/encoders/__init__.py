"""What turns a picture into numbers: one file per family of networks, their weights, and the list of them all."""
