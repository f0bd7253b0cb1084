"""The page of feature maps: all channels of a layer, one unit traced back, two images compared."""
