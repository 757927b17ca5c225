"""Trainings on a Dask cluster: what travels, what runs on the cluster's workers, and the job that watches it."""
