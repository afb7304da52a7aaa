"""One training run: model and items, the training step, optimiser, EMA, checkpoints, resume, event log."""
