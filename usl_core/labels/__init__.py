"""Labels that come back from whoever gave them -> which image has which class, and what is odd about them."""
