"""Frames, poses, boxes and classes: every convention of axes, units and signs is written down in this room, once."""
