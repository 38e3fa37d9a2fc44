"""Help for frameworks. Each module needs its framework installed, and is imported by nobody else."""
