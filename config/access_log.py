"""gunicorn's access log, without search words and reset tokens."""

import logging
from typing import Any

from gunicorn.glogging import Logger

from config.logs import JSONFormatter
from config.redaction import redact_url


class JSONLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines as JSON. The site itself logs requests, see config/requests.py."""

    def _set_handler(self, log: logging.Logger, output: Any, fmt: Any, stream: Any = None) -> None:
        super()._set_handler(log, output, JSONFormatter(), stream)


class AccessLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Redact every URL that a format of the access log can name."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> Any:
        """Return the fields of a line."""
        environ = environ | {"QUERY_STRING": ""}
        for name in ("RAW_URI", "PATH_INFO", "HTTP_REFERER"):
            if name in environ:
                environ[name] = redact_url(environ[name])
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        for name in ("{referer}i", "{location}o"):
            if name in atoms:
                atoms[name] = redact_url(atoms[name])
        return atoms
