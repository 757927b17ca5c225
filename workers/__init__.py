"""The fleet: Celery workers that run jobs, and the maintenance loops."""
