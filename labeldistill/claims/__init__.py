"""Published numbers and known deviations as data, and whether a study may be compared with them."""
