"""The ASGI application that gunicorn serves."""

import os
import warnings
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from config import lifespan  # noqa: E402 - Django has to be set up first
from config.executors import Lanes  # noqa: E402 - as above

# What it warns of is WhiteNoise's files, which are read whole before they are sent.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

# Django gives each request a thread of its own, which opens a database connection of its
# own and keeps it while the response streams: 500 open streams would hold 500. Here the
# requests share a few threads, and so a few connections, which they use again.
REQUEST_THREADS = 8


class Application(ASGIHandler):
    """Django's handler, which also says when the server starts and stops."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(REQUEST_THREADS, "request")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or go through the server's life with it."""
        if scope["type"] == "lifespan":
            await lifespan.attend(receive, send)
            return
        if scope.get("method") == "HEAD":
            send = without_body(send)
        async with ThreadSensitiveContext(executor=self.lanes.freest()):
            await super().__call__(scope, receive, send)


def without_body(send: Any) -> Any:
    """Keep back the body, which Django makes for HEAD too: gunicorn warns of each."""

    async def send_head(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = message | {"body": b""}
        await send(message)

    return send_head


application = Application()
