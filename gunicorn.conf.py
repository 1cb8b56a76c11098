"""How gunicorn serves the site; every value may be overridden on the command line."""

import os
import signal
from typing import Any

wsgi_app = "config.asgi:application"
worker_class = "asgi"
bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104 - a server
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
# Replies stream for minutes; a worker that is told to stop gives them time to be saved.
timeout = 120
graceful_timeout = 30
accesslog = "-"
# It would stand in the home folder, one for every site served from there.
control_socket_disable = True


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
