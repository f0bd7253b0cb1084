"""A new classification head on a frozen network, fitted to images that the user labeled."""
