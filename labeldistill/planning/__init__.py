"""What a study will cost and how many seeds its verdicts need; the looks of a sequential study."""
