"""Checks of a run before or instead of a whole training: dry run, audits, benchmark."""
