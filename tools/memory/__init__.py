"""`make memory`: the estimated beside the measured memory of jobs that are drawn to be large."""
