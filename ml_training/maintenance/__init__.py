"""Background work that keeps the queue moving and the storage small; several copies may run at once."""
