"""The state of a study's runs, read only from their folders."""
