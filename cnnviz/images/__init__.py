"""From bytes to a checked RGB image: what the file is, its pixels, their range and their colors."""
