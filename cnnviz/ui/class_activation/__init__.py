"""The page of class activation maps: one heat map, several compared, and their tests."""
