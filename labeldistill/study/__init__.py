"""The plan of a study: its runs, their keys and their paths, computed before anything runs."""
