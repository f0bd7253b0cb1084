"""The page of networks: layers, training, weights, cost, and networks of one's own."""
