"""Checkpoints of other code bases: reading them strictly, converting them to our names and back."""
