"""The page of convolution: a kernel at work on an image or on numbers of one's own."""
