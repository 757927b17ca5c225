"""The Celery app, made once a process: JSON only, early acknowledgement, no result backend, no retries, no ETA.

The reasons are beside the settings; the database decides everything else (docs/architecture.md).
"""

from typing import Any

from celery import Celery

from ml_training.domain.queue_names import QUEUE
from ml_training.queue.permit_transport import use_permit_transport


def make_celery(
    broker_url: str, *, socket_timeout: float = 10.0, max_retries: int | None = None, **overrides: Any
) -> Celery:
    """A Celery app on `broker_url`; connects lazily. `socket_timeout` seconds bound every answer of the broker.

    max_retries: how often a refused connection is tried again at once; None: until it succeeds.
    """
    use_permit_transport()
    app = Celery("ml_training", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=QUEUE,
        task_create_missing_queues=False,
        task_ignore_result=True,  # the job row is the result
        task_acks_late=False,  # a lost message costs a permit, not a job; late acks kill kombu 5.7 on a broker restart
        task_track_started=True,
        task_send_sent_event=True,
        task_always_eager=False,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,  # a client that reaches Redis may wake workers, not control them
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        event_queue_expires=60,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a refused command, such as by a changed ACL: try again, do not end
        broker_connection_timeout=socket_timeout,
        broker_transport_options={
            "priority_steps": [0],  # one list
            "max_retries": max_retries,
            "health_check_interval": 10,
            "socket_keepalive": True,
            "socket_timeout": socket_timeout,
            "socket_connect_timeout": socket_timeout,
        },
        **overrides,
    )
    return app
