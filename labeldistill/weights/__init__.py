"""Checkpoints of other code: read strictly, converted to our names and back."""
