"""The composition root of a worker: `celery -A workers.app worker`; nothing is opened at import."""

from ml_training.domain.worker_shape import worker_shape
from ml_training.process.usable_cores import usable_cores
from ml_training.queue.celery_app import make_celery
from ml_training.settings import read_settings

settings = read_settings()
cores = usable_cores()
shape = worker_shape(cores, concurrency=settings.worker_concurrency, threads=settings.worker_threads)
app = make_celery(
    settings.broker,
    imports=("workers.tasks", "workers.signals"),
    worker_concurrency=shape.concurrency,
    worker_pool="workers.forked_pool:ForkedPool",
    worker_proc_alive_timeout=60.0,  # from the fork of a child until it is ready: 0.1 s on a free machine
)
