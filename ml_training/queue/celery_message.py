"""The Celery message of a permit, as Celery 5 sends it to Redis: protocol 2 in kombu's envelope.

`send_task` takes 2 ms for it, because it builds everything again and asks Redis for the queue's bindings each time.
https://docs.celeryq.dev/en/stable/internals/protocol.html; a test compares it with Celery's own.
"""

import json
import uuid
from base64 import b64encode

from ml_training.domain.queue_names import QUEUE, TASK_RUN

_NO_CALLBACKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_BODY = b64encode(json.dumps([[], {}, _NO_CALLBACKS]).encode()).decode()


def permit_message() -> str:
    """A new message of the task TASK_RUN without arguments."""
    task_id = str(uuid.uuid4())
    return json.dumps(
        {
            "body": _BODY,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": TASK_RUN,
                "id": task_id,
                "root_id": task_id,
                "parent_id": None,
                "group": None,
                "eta": None,
                "expires": None,
                "retries": 0,
                "timelimit": [None, None],
                "argsrepr": "()",
                "kwargsrepr": "{}",
                "origin": "ml_training",
            },
            "properties": {
                "correlation_id": task_id,
                "reply_to": "",  # no result backend: nobody waits for an answer
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
