"""What a text sent by a program has to be."""

from __future__ import annotations

import uuid
from typing import Annotated, TypeVar

from django.db import models
from django.http import Http404
from pydantic import AfterValidator, Field

from chat import unicode

M = TypeVar("M", bound=models.Model)


def storable(text: str) -> str:
    """Return `text`.

    Raises:
        ValueError: It holds what no database stores: NUL or half of a surrogate pair.
    """
    if unicode.storable(text) != text:
        raise ValueError("must not contain NUL or half of a surrogate pair")
    return text


Text = Annotated[str, AfterValidator(storable), Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]


def own(rows: models.QuerySet[M], key: str) -> M:
    """Return the row with this key; a key that is none, or somebody else's, is not found.

    Raises:
        Http404: There is no such row among `rows`.
    """
    try:
        found = rows.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404(f"{str(rows.model._meta.verbose_name).capitalize()} not found")
    return found
