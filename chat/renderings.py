"""The HTML of messages, rendered once and kept in the database."""

import logging
import time
import uuid
from collections.abc import Iterable

from django.db import DatabaseError, transaction
from django.utils.safestring import SafeString, mark_safe

from chat.models import ChatMessage, MessageRendering, MessageVersion
from chat.rendering import markdown, pool

logger = logging.getLogger(__name__)

# How long a page waits for texts that were never rendered. The rest is shown as written; the
# next view continues.
PAGE_SECONDS = 1.0


def html_by_id(rows: Iterable[ChatMessage | MessageVersion]) -> dict[uuid.UUID, SafeString]:
    """Return the HTML of messages or versions by their ids, without those that the user wrote."""
    texts = {
        row.pk: (_message_id(row), markdown.digest(row.content), row.content)
        for row in rows
        if row.role != ChatMessage.Role.USER
    }
    stored = _stored([(message, digest) for message, digest, _ in texts.values()])
    end = time.monotonic() + PAGE_SECONDS
    new: list[MessageRendering] = []
    pages: dict[uuid.UUID, SafeString] = {}
    for key, (message, digest, text) in texts.items():
        html = stored.get((message, digest))
        if html is None:
            rendered = pool.render(text, wait=max(end - time.monotonic(), 0))
            html = rendered.html
            if rendered.is_final:
                new.append(MessageRendering(message_id=message, digest=digest, html=html))
        pages[key] = html
    _store(new)
    return pages


def _message_id(row: ChatMessage | MessageVersion) -> uuid.UUID:
    return row.pk if isinstance(row, ChatMessage) else row.message_id


def _stored(
    keys: list[tuple[uuid.UUID, uuid.UUID]],
) -> dict[tuple[uuid.UUID, uuid.UUID], SafeString]:
    if not keys:
        return {}
    rows = MessageRendering.objects.filter(
        message__in={message for message, _ in keys}, digest__in={digest for _, digest in keys}
    )
    return {
        (message, digest): mark_safe(html)  # noqa: S308 - as chat.rendering made it
        for message, digest, html in rows.values_list("message", "digest", "html")
    }


def _store(renderings: list[MessageRendering]) -> None:
    """Store renderings. A page is shown even if that fails, as for a message just deleted."""
    if not renderings:
        return
    try:
        with transaction.atomic():
            MessageRendering.objects.bulk_create(renderings, ignore_conflicts=True)
    except DatabaseError as error:
        logger.warning("The HTML of messages could not be stored: %s", error)
