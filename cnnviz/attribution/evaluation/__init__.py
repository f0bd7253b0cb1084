"""Whether a heat map can be trusted: faithfulness, weight randomization, robustness."""
