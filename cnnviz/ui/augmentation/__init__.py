"""The page of data augmentation: random changes, and what a network says to them."""
