"""Count the rows that are deleted with a row, by the foreign keys that cascade."""

from collections import deque
from typing import Any

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest


def what_goes(
    rows: Any, model: type[models.Model], site: AdminSite, request: HttpRequest
) -> tuple[dict[str, int], set[str]]:
    """Count what would be deleted with `rows`, by the plural name of its model.

    Each model is counted along the shortest way of cascades that leads to it. Models whose
    admin does not let the person of `request` delete are returned as the second value.
    """
    keys = [row.pk for row in rows]
    counts = {str(model._meta.verbose_name_plural): len(keys)}
    refused = set() if _may_delete(model, site, request) else {str(model._meta.verbose_name)}
    seen = {model}
    queue: deque[tuple[type[models.Model], str]] = deque([(model, "")])
    while queue:
        parent, path = queue.popleft()
        relation: Any
        for relation in parent._meta.get_fields(include_hidden=True):
            if not _cascades(relation) or relation.related_model in seen:
                continue
            child: Any = relation.related_model
            seen.add(child)
            lookup = f"{relation.field.name}__{path}" if path else f"{relation.field.name}__"
            count = child._base_manager.filter(**{f"{lookup}in": keys}).count()
            if count:
                counts[str(child._meta.verbose_name_plural)] = count
                if not _may_delete(child, site, request):
                    refused.add(str(child._meta.verbose_name))
            queue.append((child, lookup))
    return counts, refused


def _cascades(relation: Any) -> bool:
    return (
        relation.auto_created
        and not relation.concrete
        and (relation.one_to_many or relation.one_to_one)
        and relation.on_delete is models.CASCADE
    )


def _may_delete(model: type[models.Model], site: AdminSite, request: HttpRequest) -> bool:
    if not site.is_registered(model):
        return True
    return site.get_model_admin(model).has_delete_permission(request)
