"""What one page is made of: Home, Density, Diversity, USL-T."""
