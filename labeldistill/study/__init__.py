"""The plan of a study: its runs, their keys and their paths, worked out before anything runs."""
