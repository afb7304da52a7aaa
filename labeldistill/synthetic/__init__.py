"""A synthetic world written as a genuine nuScenes folder: ray-cast cameras and LiDAR, all tables, all ten classes."""
