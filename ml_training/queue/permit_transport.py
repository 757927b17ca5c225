"""kombu's Redis transport without trust in what is stored in Redis: whoever reaches it can only wake or delay workers.

Celery ends a worker for an entry that it cannot read, and for a key of the wrong type. A permit has no content that
anybody needs, so no byte of an entry gets as far as Celery: an entry that is a permit is replaced by a new permit of
this process, and everything else is dropped and counted.
"""

import json
from typing import Any

import redis
from kombu import transport
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis.exceptions import ResponseError

from ml_training.domain.queue_names import QUEUE, TASK_RUN
from ml_training.logs import get_logger
from ml_training.queue.celery_message import permit_message
from ml_training.queue.dropped_entries import DROPPED

log = get_logger(__name__)
PERMIT_BYTES = 4_096  # a permit has less than 1,000; larger entries are not even parsed


def is_permit(entry: bytes) -> bool:
    """Whether an entry of the list asks to run what is due; says nothing about the rest of its content."""
    if len(entry) > PERMIT_BYTES:
        return False
    try:
        message = json.loads(entry)
    except (ValueError, RecursionError):
        return False
    headers = message.get("headers") if isinstance(message, dict) else None
    return isinstance(headers, dict) and headers.get("task") == TASK_RUN


class PermitClient(redis.Redis):
    """The client with which a channel waits for entries."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """See redis.Redis; the answer to BRPOP holds a permit of this process, or is None as if nothing had come."""
        if command_name != "BRPOP":
            return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        try:
            reply = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            self._remove_other_type()
            return None
        if not reply:
            return None
        queue, entry = reply
        if is_permit(entry):
            return queue, permit_message()
        DROPPED.add(1)
        log.debug("queue_entry_dropped", size=len(entry))
        return None

    def _remove_other_type(self) -> None:
        """Remove what is stored under the list's name, unless it is a list again; lost permits are sent again."""
        if self.type(QUEUE) not in (b"list", b"none"):
            log.warning("queue_of_another_type_removed")
            self.unlink(QUEUE)
            DROPPED.add(1)


class PermitQoS(virtual.QoS):
    """Which permits are in the hands of this process: in its memory only, since a lost one is sent again.

    kombu's own writes each message to three more keys, and reads them back when a worker starts or ends.
    """

    restore_at_shutdown = False

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """See virtual.QoS; nothing is put back."""
        self.ack(delivery_tag)  # type: ignore[no-untyped-call]


class PermitChannel(kombu_redis.Channel):
    """A channel that reads one list, and stores nothing but events, which it publishes."""

    QoS = PermitQoS  # type: ignore[assignment]  # kombu means any QoS

    def _get_client(self) -> type[redis.Redis]:
        super()._get_client()  # type: ignore[no-untyped-call]  # checks the version
        return PermitClient

    def _size(self, queue: str) -> int:
        return 0  # asked when the worker declares its queue; nobody uses the answer

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Remember which queues read events; permits are sent to the list by name."""
        if self.typeof(exchange).type == "fanout":  # type: ignore[no-untyped-call]
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))


class PermitTransport(kombu_redis.Transport):
    """The transport of every Celery app of the service."""

    Channel = PermitChannel


def use_permit_transport() -> None:
    """Let every URL of Redis, also with TLS or a socket, lead to this transport, in this process."""
    path = f"{PermitTransport.__module__}:{PermitTransport.__name__}"
    transport.TRANSPORT_ALIASES.update(redis=path, rediss=path)
