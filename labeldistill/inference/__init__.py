"""From trained weights to predictions: detection over a split, shared among processes, in the global frame."""
