"""A reproducibility benchmark harness for LabelDistill (ECCV 2024), camera 3D detection on nuScenes."""

__version__ = "0.1.0"
