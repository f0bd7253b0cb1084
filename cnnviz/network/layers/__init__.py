"""What single layers are: their kind, activation, multiplications, and how their maps lie."""
