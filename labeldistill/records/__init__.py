"""What a run leaves behind: the run record and its schema, provenance, the gathered table, publishing, RO-Crate."""
