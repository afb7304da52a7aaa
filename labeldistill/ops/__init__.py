"""Numerical operators on tensors alone: BEV pooling, voxelisation, sparse and deformable convolution, circle NMS."""
