"""What the tests of the counts compare with."""

from typing import Any

from django.db.models import Count, Max

from threads.models import Thread


def stored() -> list[tuple[Any, ...]]:
    """Return id, message_count and last_message_at of every thread."""
    return list(Thread.objects.order_by("id").values_list("id", "message_count", "last_message_at"))


def recounted() -> list[tuple[Any, ...]]:
    """Return the same, counted from the messages."""
    return list(
        Thread.objects.order_by("id")
        .annotate(n=Count("messages"), last=Max("messages__created_at"))
        .values_list("id", "n", "last")
    )


def assert_counts_are_right() -> None:
    """Compare what the threads say with what there is."""
    assert stored() == recounted()
