"""The page of basics: templates, one dimension, and the gradient of a shared weight."""
