"""The ASGI application that gunicorn serves."""

import os
import warnings
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from config import lifespan  # noqa: E402 - Django has to be set up first
from config.body_limits import BodyLimit  # noqa: E402 - as above
from config.deferred import DeferredResponse  # noqa: E402 - as above
from config.executors import ExecutorGroup, SingleThreadExecutor  # noqa: E402 - as above
from config.probes import PROBES  # noqa: E402 - as above
from config.requests import FollowedRequests  # noqa: E402 - as above

# WhiteNoise's responses cause this warning; its files are read before they are sent.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

# Django gives each request a thread of its own. That thread opens a database connection and
# keeps it while the response streams, so 500 open streams would hold 500 connections. Here all
# requests share a few threads, and therefore a few connections.
REQUEST_THREADS = 8


class Application(ASGIHandler):
    """Django's handler with the ASGI lifespan protocol and shared threads."""

    def __init__(self) -> None:
        super().__init__()
        self.executors = ExecutorGroup(REQUEST_THREADS, "request")
        # Health checks have a thread of their own: they answer while all others are busy.
        self.health_executor = SingleThreadExecutor("health")
        self.followed = FollowedRequests(BodyLimit(super().__call__))

    def load_middleware(self, is_async: bool = False) -> None:
        """Run all middleware and the view of a request in one visit to its thread.

        Django visits the thread for each synchronous step of each middleware, which takes longer
        than most pages. Asynchronous views still run on the event loop.
        """
        super().load_middleware(is_async=False)
        chain: Any = vars(self)["_middleware_chain"]
        vars(self)["_middleware_chain"] = sync_to_async(chain, thread_sensitive=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or follow the server's start and stop."""
        if scope["type"] == "lifespan":
            await lifespan.attend(receive, send)
            return
        if scope.get("method") == "HEAD":
            send = without_body(send)
        is_health_check = scope["path"] in PROBES
        executor = self.health_executor if is_health_check else self.executors.least_busy()
        async with ThreadSensitiveContext(executor=executor):
            await self.followed(scope, receive, send)

    async def send_response(self, response: Any, send: Any) -> None:
        """Send an answer; wait for one that takes long here, where it holds no thread."""
        if isinstance(response, DeferredResponse):
            response = await response.resolve()
        await super().send_response(response, send)


def without_body(send: Any) -> Any:
    """Drop the body that Django makes for HEAD requests too; gunicorn warns about each one."""

    async def send_head(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = message | {"body": b""}
        await send(message)

    return send_head


application = Application()
