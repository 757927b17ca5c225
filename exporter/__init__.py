"""The exporter: one process that turns the database and Celery's events into the `ml_*` metrics of port 8012."""
