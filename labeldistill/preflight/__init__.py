"""Gates that a study passes before its first GPU-hour, one file each: what is looked at, found and advised."""
