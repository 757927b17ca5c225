"""Structured logs: each entry has a fixed event name, and its data in fields."""

import logging
import sys
from collections.abc import Sequence

import structlog


def configure_logs(log_format: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers to stderr: `console` for people, `json` for machines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        # First the level: what is not shown costs next to nothing.
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_renderers(log_format))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def warn_of_settings(lines: Sequence[str]) -> None:
    """Log each line about a setting that nothing reads."""
    for line in lines:
        get_logger(__name__).warning("unknown_setting", detail=line)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger, used like this: `log.info("job_claimed", job_id=7)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [drop_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: the default prints local variables, which may hold secrets.
    plain = structlog.dev.plain_traceback
    return [
        drop_meta,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=plain),
    ]
