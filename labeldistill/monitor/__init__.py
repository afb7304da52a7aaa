"""Where the runs of a study stand, read from their folders alone."""
