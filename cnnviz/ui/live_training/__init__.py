"""The page of live training: a small network learns while one watches."""
