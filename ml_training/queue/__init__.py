"""The Celery side that producers and consumers share: the app, and permits to run one job."""
