"""gunicorn's configuration; options on the command line override it."""

import os
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from gunicorn.errors import AppImportError

# Not loaded into the environment: a worker that starts after SIGHUP reads `.env` again.
values = dotenv_values(Path(__file__).with_name(".env")) | dict(os.environ)
wsgi_app = "config.asgi:application"
worker_class = "asgi"
bind = f"{values.get('HOST') or '0.0.0.0'}:{values.get('PORT') or 8000}"  # noqa: S104 - a server
workers = int(values.get("WEB_CONCURRENCY") or 1)
# Replies stream for minutes. A worker that stops needs time to save them.
timeout = 120
graceful_timeout = 30
accesslog = "-"
# The socket is in the home folder, so two sites of one user would share it.
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """Report a wrong setting in one sentence instead of a traceback.

    The settings are read here, so that a worker that starts after SIGHUP reads them again.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads them
    except ImproperlyConfigured as error:
        raise AppImportError(f"Configuration error: {error}") from None


def post_worker_init(worker: Any) -> None:
    """Notify the application when the worker receives SIGTERM.

    gunicorn itself does so only after the last connection has closed, and streams stay open.
    """
    from config import lifespan

    def stop() -> None:
        worker.handle_exit_signal()
        lifespan.close()

    if worker.loop is not None:
        worker.loop.add_signal_handler(signal.SIGTERM, stop)
