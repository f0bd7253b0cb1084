"""What the maps of a network hold: the maps, what activates them, single units, and ablation."""
