"""Use cases, one transaction each: the only writers of job state."""
