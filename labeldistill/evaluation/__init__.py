"""The nuScenes detection protocol: predictions as columns, matching, AP, errors, NDS, slices, the arbiter."""
