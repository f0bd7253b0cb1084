"""Arrays as images: color maps, mosaics, files."""
