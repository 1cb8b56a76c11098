"""How gunicorn serves the site; every value may be overridden on the command line."""

import os
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from gunicorn.errors import AppImportError

# Not loaded into the environment: a worker that HUP starts reads `.env` anew.
said = dotenv_values(Path(__file__).with_name(".env")) | dict(os.environ)
wsgi_app = "config.asgi:application"
worker_class = "asgi"
bind = f"{said.get('HOST') or '0.0.0.0'}:{said.get('PORT') or 8000}"  # noqa: S104 - a server
workers = int(said.get("WEB_CONCURRENCY") or 1)
# Replies stream for minutes; a worker that is told to stop gives them time to be saved.
timeout = 120
graceful_timeout = 30
accesslog = "-"
# It would stand in the home folder, one for every site served from there.
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """Refuse a wrong setting in one sentence, which a worker's traceback would bury.

    The settings are read here and not before: a worker that HUP starts reads them anew.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - to read them
    except ImproperlyConfigured as error:
        raise AppImportError(f"Configuration error: {error}") from None


def post_worker_init(worker: Any) -> None:
    """Tell the application when the worker is told to stop.

    gunicorn itself says so only once the last connection is gone, and streams last.
    """
    from config import lifespan

    def stop() -> None:
        worker.handle_exit_signal()
        lifespan.close()

    if worker.loop is not None:
        worker.loop.add_signal_handler(signal.SIGTERM, stop)
