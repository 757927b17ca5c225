"""Messages of Celery's event channel, as kombu writes them on Redis."""

import base64
import json
from typing import Any


def event_message(body: Any) -> bytes:
    """One event, or a batch of them, in its envelope."""
    envelope = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"hostname": "worker@host"},
        "properties": {"body_encoding": "base64", "delivery_mode": 1},
    }
    return json.dumps(envelope).encode()
