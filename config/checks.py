"""System checks of the settings."""

import ipaddress
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

WARNING = (
    "DEBUG is on, and other machines can reach the site: its error pages show code, settings and"
    " data to everybody."
)
HINT = "Set DEBUG=0, or HOST=127.0.0.1 on a development machine."


def is_local(host: str) -> bool:
    """Return whether only this machine reaches `host`."""
    name = host.strip("[]").removeprefix(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def exposes_debug(hosts: Sequence[str]) -> bool:
    """Return whether the error pages of DEBUG are served on one of `hosts`, or under a name."""
    return settings.DEBUG and not all(is_local(host) for host in (*hosts, *settings.ALLOWED_HOSTS))


@checks.register(checks.Tags.security)
def debug_is_local(app_configs: Any = None, **options: Any) -> list[checks.CheckMessage]:
    """Warn if other machines can reach a site with DEBUG."""
    hosts = [settings.HOST] if settings.HOST else []
    if "runserver" in sys.argv:
        # ADDRESS:PORT, ADDRESS or PORT; without an address it is 127.0.0.1.
        words = [word for word in sys.argv[sys.argv.index("runserver") + 1 :] if word[0] != "-"]
        hosts = [host for word in words if (host := word.rpartition(":")[0])]
    return [checks.Warning(WARNING, HINT, id="config.W001")] if exposes_debug(hosts) else []
