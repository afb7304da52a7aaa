"""What a study will cost and how many seeds its verdicts need; looks of a sequential study."""
