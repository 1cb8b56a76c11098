"""The pages of a conversation."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from threads.models import Thread
from users.requests import PersonRequest


def conversation(request: PersonRequest, thread: UUID) -> HttpResponse:
    """Show one conversation."""
    found = get_object_or_404(Thread.objects.for_user(request.user), pk=thread)
    return render(request, "chat/conversation.html", {"thread": found})
