"""A stranger's file is checked before anything is built from it, and tried in its own process."""
