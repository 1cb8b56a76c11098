"""Send mail without delaying the response."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def send(template: str, *, to: str, context: Mapping[str, Any]) -> None:
    """Send the text `template`, whose first line is the subject, in a thread of its own.

    The time of a response must not reveal whether mail is sent. A failure is logged.
    """
    subject, _, body = render_to_string(template, dict(context)).partition("\n")
    message = EmailMessage(subject.strip(), body.lstrip("\n"), to=[to])

    def deliver() -> None:
        try:
            message.send()
        except OSError:  # SMTPException is one
            logger.exception("Mail could not be sent; check EMAIL_URL.")

    threading.Thread(target=deliver, name="mail").start()
