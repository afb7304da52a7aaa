"""A nuScenes folder on disk: tables to columns, splits, key frames, checksums, and whether it is whole."""
