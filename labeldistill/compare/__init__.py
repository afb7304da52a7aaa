"""Comparing two sets of results run by run: scores, speed, and what else differs."""
