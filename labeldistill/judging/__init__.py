"""A result file alone: which split it covers, known mistakes in it, and where it stands beside the published claims."""
