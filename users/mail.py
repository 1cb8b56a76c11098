"""Mail to people, sent while the page is answered already."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def send(template: str, *, to: str, context: Mapping[str, Any]) -> None:
    """Send the text `template`, whose first line is the subject, on a thread of its own.

    How long a page takes must not tell whether there is anybody to write to. A mail that
    cannot be handed in is logged.
    """
    subject, _, body = render_to_string(template, dict(context)).partition("\n")
    message = EmailMessage(subject.strip(), body.lstrip("\n"), to=[to])

    def hand_in() -> None:
        try:
            message.send()
        except OSError:  # SMTPException is one
            logger.exception("A mail could not be handed in; see EMAIL_URL.")

    threading.Thread(target=hand_in, name="mail").start()
