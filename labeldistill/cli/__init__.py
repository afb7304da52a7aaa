"""The command line: one small file per verb, and the tables and texts that verbs print."""
