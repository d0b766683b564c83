"""Logs: one line per event as `key=value`, and nothing secret in it."""

from __future__ import annotations

import json
import logging
import re
import time

# What a key looks like: after its header's name, or in the shapes that providers give out.
SECRETS = re.compile(
    r"(?i)(authorization['\":=\s]+(?:bearer\s+|basic\s+)?|bearer\s+|api[-_]?key['\":=\s]+)[^\s'\",]+"
    r"|(cookie['\":=\s]+)[^'\"\n]+"
    r"|\b(?:sk|pk|rk|gsk|xai|hf)[-_][A-Za-z0-9_\-]{12,}"
    # Addresses that let in whoever knows them.
    r"|(/(?:login|setup|invitation|reset/key|confirm-email)/)[^/\s'\"?]{20,}"
)
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request"}


def redact(text: str) -> str:
    """`text` with whatever looks like a key, a cookie or a one-time address replaced by dots."""
    return SECRETS.sub(lambda match: f"{next(filter(None, match.groups()), '')}…", text)


class Lines(logging.Formatter):
    """`time level logger event key=value …`, a traceback in the same line, secrets taken out."""

    converter = time.gmtime  # type: ignore[assignment]
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{key: fact for key, fact in vars(record).items() if key not in STANDARD},
        }
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return redact(" ".join(f"{key}={_quoted(str(fact))}" for key, fact in facts.items()))


def _quoted(text: str) -> str:
    plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)
