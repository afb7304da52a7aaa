"""Networks: ResNet, FPN, depth net, view transform, centre head; the camera student and the LiDAR teacher."""
