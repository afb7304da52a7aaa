"""Two sets of results compared run by run: scores, speed, and what differs besides."""
