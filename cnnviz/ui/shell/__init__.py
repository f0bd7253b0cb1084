"""What every page stands in: its frame, its jobs, its numbers on screen."""
