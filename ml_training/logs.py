"""Structured logs: an event name that never changes, data in fields, the job's context bound at the edge."""

import logging
import sys

import structlog

BOUND_FIELDS = ("job_id", "attempt", "request_id")


def configure_logs(log_format: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers to stderr: `console` for people, `json` for machines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(log_format))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose calls read `log.info("job_claimed", job_id=7)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _rendering(log_format: str) -> list[structlog.typing.Processor]:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [drop, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # plain: the default would print local variables, and with them what was meant to stay in the process
    plain = structlog.dev.plain_traceback
    return [drop, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=plain)]
