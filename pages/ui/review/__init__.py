"""What the page Review is made of: the review that is open, the desk where picks are decided, and why they were picked."""
