"""What the project tells this app: the dictionary `SCHEMA` of its settings.

docs/settings.md describes every key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

SETTING = "SETTING"
"""Key of a connection's settings under which its own setting's name stands, where it differs."""


@dataclass(frozen=True)
class Configuration:
    """The keys of `SCHEMA` in lower case, and their defaults."""

    adoption: str | None = None
    """Dotted path of the specification of databases that were migrated by hand."""
    connection_settings: Mapping[str, str] = field(default_factory=dict)
    """By alias, the name of the setting that operators correct to reach another database."""
    direct_connections: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)
    """By alias, how `migrate` reaches the server where the database is behind a pooler."""
    direct_connection_settings: Mapping[str, str] = field(default_factory=dict)
    """By alias, the name of the setting for the direct connection."""
    next_steps: Sequence[tuple[str, str]] = ()
    """Commands to run after the first migrate, each with its purpose."""
    trusted_apps: Sequence[str] = ()
    """Labels of the apps whose migrations may be run in a scratch schema."""

    def connection_setting(self, connection: BaseDatabaseWrapper) -> str:
        """Return the name of the setting that says where the database is."""
        if own := connection.settings_dict.get(SETTING):
            return str(own)
        default = f"DATABASES[{connection.alias!r}]"
        return self.connection_settings.get(connection.alias, default)

    def direct_connection_setting(self, alias: str) -> str:
        """Return the name of the setting for the direct connection."""
        default = f"SCHEMA['DIRECT_CONNECTIONS'][{alias!r}]"
        return self.direct_connection_settings.get(alias, default)


def configuration() -> Configuration:
    """Return the project's configuration.

    Raises:
        ImproperlyConfigured: `SCHEMA` has an unknown key.
    """
    given = getattr(settings, "SCHEMA", {})
    known = {one.name.upper() for one in fields(Configuration)}
    if unknown := sorted(given.keys() - known):
        raise ImproperlyConfigured(
            f"settings.SCHEMA has an unknown key: {', '.join(unknown)}."
            f" Known are {', '.join(sorted(known))}."
        )
    return Configuration(**{key.lower(): value for key, value in given.items()})
