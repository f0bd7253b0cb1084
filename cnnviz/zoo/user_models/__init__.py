"""Networks of the user's own: what a file is, how it is opened, and what its network expects."""
