"""What a workflow requests from Slurm, and how the processes of a training on several nodes find each other."""
