"""What a workflow asks of Slurm, and how the processes of a training on several nodes find each other."""
