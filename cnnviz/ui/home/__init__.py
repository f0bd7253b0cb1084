"""The home page: every page by a result for the image in use."""
