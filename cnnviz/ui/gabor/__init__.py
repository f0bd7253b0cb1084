"""The page of Gabor filters: one filter, banks of them, and what networks learn instead."""
