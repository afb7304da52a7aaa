"""What a training reads: the columnar index, images, LiDAR sweeps, depth maps, augmentation, dataset and batches."""
