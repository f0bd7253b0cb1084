"""Model cards, their registry, and the code that builds or fetches each network."""
