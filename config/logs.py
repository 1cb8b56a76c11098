"""The lines of the log, as text or as JSON. Neither holds what people wrote."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from config.redaction import CREDENTIALS, redact_url

# PostgreSQL's errors quote the rows and values that they are about.
DETAIL = re.compile(
    r"^(DETAIL|CONTEXT|QUERY|STATEMENT):.*?(?=^(?:The above|During handling|Traceback)|\Z)",
    re.MULTILINE | re.DOTALL,
)


def redact(text: str) -> str:
    """Return what is logged about an error without rows, passwords and search words."""
    return redact_url(CREDENTIALS.sub(r"\1…@", DETAIL.sub(r"\1: …\n", text)))


class TextFormatter(logging.Formatter):
    """A line of text, and the traceback below it."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback without what people wrote."""
        return redact(super().formatException(ei)).rstrip()

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without what people wrote."""
        record.message = redact(record.message).rstrip()
        return super().formatMessage(record)


class JSONFormatter(JsonFormatter):
    """One JSON object a line: time, level, logger, message, and the request that it is about."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            json_ensure_ascii=False,
        )

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback without what people wrote."""
        return redact(str(super().formatException(ei))).rstrip()

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Redact the message, and name the request."""
        log_data["message"] = redact(str(log_data.get("message", ""))).rstrip()
        # Imported with the application; gunicorn's master logs before there is one.
        requests = sys.modules.get("config.requests")
        if requests is not None and (record := requests.current()) is not None:
            log_data.setdefault("request_id", record.request_id)
            log_data.setdefault("person", record.person or None)
        # Django attaches the request itself to some records.
        log_data.pop("request", None)
        return log_data
