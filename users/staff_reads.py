"""Record what staff reads of other people's words in the admin."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse

from schema.admin.large_tables import BigTableAdmin
from users.models import StaffRead, User


class PrivateRowsAdmin(BigTableAdmin):
    """Rows with people's words. A page is answered only if its reading is recorded.

    `user_field` leads to the person whose words they are.
    """

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        shown = (getattr(response, "context_data", None) or {}).get("cl")
        if shown is not None:
            people = Counter(self.owner_of(row) for row in shown.result_list)
            record(request, StaffRead.Page.LIST, self.model, people)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row."""
        response = super().change_view(request, object_id, form_url, extra_context)
        return self._recorded(request, response, object_id, StaffRead.Page.ROW)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the history of a row, which names it."""
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return self._recorded(request, response, object_id, StaffRead.Page.HISTORY)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask before a row is deleted, which names it."""
        response: HttpResponse = super().delete_view(request, object_id, extra_context)
        return self._recorded(request, response, object_id, StaffRead.Page.DELETION)

    def _recorded(
        self, request: HttpRequest, response: HttpResponse, object_id: str, page: StaffRead.Page
    ) -> HttpResponse:
        row = self.get_object(request, object_id) if response.status_code == 200 else None
        if row is not None:
            record(request, page, self.model, [self.owner_of(row)], row=row.pk)
        return response

    def owner_of(self, row: Any) -> uuid.UUID:
        """Return the key of the person whose row it is."""
        *others, last = self.user_field.split("__")
        for name in others:
            row = getattr(row, name)
        key: uuid.UUID = getattr(row, f"{last}_id")
        return key


def record(
    request: HttpRequest,
    page: StaffRead.Page,
    model: type[models.Model],
    people: Iterable[uuid.UUID],
    *,
    row: uuid.UUID | None = None,
) -> None:
    """Write that the user of `request` reads rows of `people`, except their own."""
    staff = request.user
    if not isinstance(staff, User):
        return
    counts = Counter(people) if not isinstance(people, Counter) else people
    StaffRead.objects.bulk_create(
        StaffRead(
            staff=staff.pk,
            staff_email=staff.email,
            person=person,
            page=page,
            kind=model._meta.label_lower,
            row=row,
            rows=rows,
        )
        for person, rows in counts.items()
        if person != staff.pk
    )
