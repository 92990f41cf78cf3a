"""What is looked at: the folders that visitors may open, and the short names that stand in addresses."""
