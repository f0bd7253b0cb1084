"""The page of feature visualization: images that maximize a filter."""
