"""Admin pages for tables with millions of rows, which never count or collect all of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db import models, router, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from schema.admin.deletion import what_goes

# Counting stops here, and so do the pages: the last of them is still a quick OFFSET, and
# nobody turns a two hundredth page. Further rows are found by search, filter or date.
BOUND = 10_000
# Users whose rows one search shows: more share the beginning of an e-mail address only where it
# is too short to mean one of them.
USERS = 50
NAMED = 20  # rows that are named before they are deleted


@dataclass(frozen=True)
class Panel:
    """What another app shows below the form of a row, to those who may view its `model`."""

    model: type[models.Model]
    render: Callable[[HttpRequest, Any], SafeString]


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts up to BOUND rows, by reading no more than those."""

    object_list: models.QuerySet[Any]

    @cached_property
    def found(self) -> int:
        """Return the number of rows, or BOUND + 1 where there are more than BOUND."""
        rows = self.object_list.order_by().values("pk")[: BOUND + 1]
        return int(rows.count())

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most BOUND."""
        return min(self.found, BOUND)

    @property
    def is_bounded(self) -> bool:
        """Whether there are more rows than the pages show."""
        return self.found > BOUND


class ChosenFilter(admin.SimpleListFilter):
    """Keep the rows of one related row, named in the address; shown only once it is.

    Links lead here from that row's page, in place of a list of every row of the other table.
    """

    field: ClassVar[str]

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> Sequence[tuple[str, str]]:
        """Return the row that was chosen, if there is one."""
        key = as_uuid(request.GET.get(self.parameter_name or "", ""))
        if key is None:
            return []
        model: Any = model_admin.model._meta.get_field(self.field).related_model
        if not may_view(model_admin.admin_site, model, request):
            return [(str(key), str(key))]
        chosen = model._default_manager.filter(pk=key).first()
        return [(str(key), str(chosen or "no longer exists"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> models.QuerySet[Any]:
        """Keep the rows of the one that was chosen."""
        key = as_uuid(self.value() or "")
        return queryset if key is None else queryset.filter(**{self.field: key})


def chosen(field: str) -> type[ChosenFilter]:
    """Return the filter by the foreign key `field`."""
    attributes = {"field": field, "title": field, "parameter_name": field}
    return type(f"Chosen{field.title()}", (ChosenFilter,), attributes)


class BigTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Lists by index, searches by key or beginning, deletes by the database's cascades."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    show_facets = admin.ShowFacets.NEVER
    save_on_top = True
    # Other apps add theirs.
    panels: ClassVar[list[Panel]] = []
    # Keys that a search for a UUID is compared with.
    key_fields: ClassVar[tuple[str, ...]] = ("pk",)
    # The foreign key to the user; a search for an e-mail address then finds that user's rows.
    user_field: ClassVar[str] = ""

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Look a UUID up as a key and an e-mail address as a user's; else search as usual.

        The users are found first: a join to them would be carried out for every row.
        """
        term = search_term.strip()
        key = as_uuid(term)
        if key is not None:
            same = models.Q()
            for field in self.key_fields:
                same |= models.Q(**{field: key})
            return queryset.filter(same), False
        if term and self.user_field and ("@" in term or not self.get_text_fields()):
            model = get_user_model()
            starts = {f"{model.get_email_field_name()}__istartswith": term}
            users = model._default_manager.filter(**starts)
            keys = list(users.values_list("pk", flat=True)[:USERS])
            return queryset.filter(**{f"{self.user_field}__in": keys}), False
        return super().get_search_results(request, queryset, search_term)

    def get_text_fields(self) -> list[str]:
        """Return the search fields of this table itself."""
        if not self.user_field:
            return list(self.search_fields)
        prefix = f"{self.user_field}__"
        return [field for field in self.search_fields if not field.startswith(prefix)]

    def get_search_fields(self, request: HttpRequest) -> list[str] | tuple[str, ...]:
        """Search this table itself, or show the search box all the same."""
        return self.get_text_fields() or list(self.search_fields)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what other apps know about the row below its form."""
        row = self.get_object(request, object_id) if self.panels else None
        shown = [
            panel.render(request, row)
            for panel in (self.panels if row is not None else [])
            if may_view(self.admin_site, panel.model, request)
        ]
        context = {"panels": shown} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Count what would go with these rows, and collect none of it."""
        counts, refused = what_goes(objs, self.model, self.admin_site, request)
        return [str(row) for row in objs[:NAMED]], counts, refused, []

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete one row, and leave the rest to the database's foreign keys."""
        self.delete_queryset(request, self.model._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Delete rows, and leave the rest to the database's foreign keys.

        Django would read every row that goes with them first.
        """
        using = router.db_for_write(self.model)
        keys = list(queryset.values_list("pk", flat=True))
        with transaction.atomic(using=using):
            self.model._default_manager.using(using).filter(pk__in=keys)._raw_delete(using)


def may_view(site: admin.AdminSite, model: type[models.Model], request: HttpRequest) -> bool:
    """Return whether the user may view rows of `model` in the admin."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the key that `text` writes, if it writes one."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None
