"""Keep secrets and search words out of logs and error pages."""

import logging
import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

# The path of a reset link, up to its token, and a query string.
RESET_LINK = re.compile(r"(/account/reset/)[^/\s?\"']+/[^/\s?\"']+")
QUERY = re.compile(r"\?[^\s\"']*")
# The user and password of a URL; the user alone may be a token.
CREDENTIALS = re.compile(r"(\w://)[^/\s?#]*@")


def redact_url(text: str) -> str:
    """Return `text` without the query strings and reset tokens of the URLs in it."""
    return QUERY.sub("", RESET_LINK.sub(r"\1…", text))


class URLFilter(logging.Filter):
    """Redact the URLs in what Django logs about requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and keep it."""
        if record.name.startswith("django.") and isinstance(record.args, tuple):
            record.args = tuple(
                redact_url(value) if isinstance(value, str) else value for value in record.args
            )
        return True


class ReporterFilter(SafeExceptionReporterFilter):
    """Hide credentials in URLs too on the error page of DEBUG, whatever a setting is called."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Return the value to show."""
        shown = super().cleanse_setting(key, value)
        if isinstance(shown, str):
            return CREDENTIALS.sub(rf"\1{self.cleansed_substitute}@", shown)
        return shown
