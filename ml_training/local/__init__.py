"""The single-machine stack of `ml-training up`: child processes, their supervision and the sample run."""
