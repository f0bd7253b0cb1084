"""The page of the training timeline: one image throughout training."""
