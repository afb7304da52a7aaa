"""Means, intervals, paired and equivalence tests, Holm, power, sequential looks, bootstrap over scenes."""
