"""What the notebooks need and nobody else: figures, exercise checks, small graphs to look at."""
