"""Logs: one line per event, structured, and nothing secret in it."""

from __future__ import annotations

import logging
import re
from typing import Any

import structlog

# What a key looks like: after its header's name, or in the shapes that providers give out.
SECRETS = re.compile(
    r"(?i)(bearer\s+|authorization['\":=\s]+|api[-_]?key['\":=\s]+|cookie['\":=\s]+)[^\s'\",]+"
    r"|\b(sk|pk|rk|gsk|xai|hf)[-_][A-Za-z0-9_\-]{12,}"
)


def redact(text: str) -> str:
    """`text` with whatever looks like a key or a cookie replaced by dots."""
    return SECRETS.sub(lambda match: f"{match.group(1) or ''}…", text)


class Redact(logging.Filter):
    """Takes keys and cookies out of every record before it is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, ()
        return True


def formatter() -> logging.Formatter:
    """Lines as `time level event key=value …`, for our own loggers and everybody else's."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact_event,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "logger", "event"], drop_missing=True
            ),
        ],
    )


def _redact_event(logger: Any, name: str, event: Any) -> Any:
    """Takes secrets out of values and tracebacks too."""
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}
