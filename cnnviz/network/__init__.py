"""A Keras model looked at, never edited: its layers run one by one, its logits, its maps.

`forward` runs a model layer by layer; `head` finds the logits behind whatever the model ends in;
`map_layout` finds out which outputs are maps; `input_scaling` finds the scaling inside a model.
"""

IMAGE = "the image"  # stands for the network's input where a layer's name is expected
