"""gunicorn's configuration; options on the command line override it."""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from gunicorn.errors import AppImportError

# Not loaded into the environment: a worker that starts after SIGHUP reads `.env` again.
values = dotenv_values(Path(__file__).with_name(".env")) | dict(os.environ)
wsgi_app = "config.asgi:application"
worker_class = "config.worker.Worker"  # gunicorn's asgi worker, with limits
is_debug = (values.get("DEBUG") or "").strip().lower() in {"1", "true", "yes", "on"}


def whole_number(name: str, value: str, *, least: int, most: int) -> int:
    """Return the value of the variable `name`, or end with a sentence that says what is wrong."""
    value = value.strip()
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise SystemExit(
            f"Configuration error: {name} must be a whole number from {least} to {most}, not"
            f" {value!r}."
        )
    return int(value)


host = (values.get("HOST") or "").strip() or ("127.0.0.1" if is_debug else "0.0.0.0")  # noqa: S104 - a server
if ":" in host and not host.startswith(("[", "unix:")):
    host = f"[{host}]"  # an IPv6 address
bind = f"{host}:{whole_number('PORT', values.get('PORT') or '8000', least=0, most=65535)}"
workers = whole_number("WEB_CONCURRENCY", values.get("WEB_CONCURRENCY") or "1", least=1, most=1000)
# Replies stream for minutes. A worker that stops needs time to save them.
timeout = 120
graceful_timeout = 30
if (values.get("LOG_FORMAT") or "").strip().lower() == "json":
    # The site logs every request, with the person and the queries.
    logger_class = "config.access_log.JSONLogger"
else:
    accesslog = "-"
    logger_class = "config.access_log.AccessLogger"
# Forwarded headers are Django's business, see BEHIND_PROXY. By default gunicorn believes those of
# local peers, and all of a Unix socket's.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# The socket is in the home folder, so two sites of one user would share it.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Make the folder in which the workers count for /metrics."""
    if values.get("METRICS_TOKEN"):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="twinthread-metrics-")


def on_exit(server: Any) -> None:
    """Delete that folder."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(folder, ignore_errors=True)


def post_fork(server: Any, worker: Any) -> None:
    """Report a wrong setting in one sentence instead of a traceback.

    The settings are read here, so that a worker that starts after SIGHUP reads them again.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads them
    except ImproperlyConfigured as error:
        raise AppImportError(f"Configuration error: {error}") from None
    from config import checks

    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if worker.age == 1 and checks.exposes_debug(hosts):
        server.log.warning("%s %s", checks.WARNING, checks.HINT)


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
