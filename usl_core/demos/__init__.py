"""What comes along: image collections, 2-D toys, and saved experiments of USL-T."""
