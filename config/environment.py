"""Read settings from environment variables, with precise errors."""

import functools
import logging
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

ENGINES = {
    "django.db.backends.postgresql": "schema.backends.postgresql",
    "django.db.backends.sqlite3": "schema.backends.sqlite3",
}

IN_MEMORY = ":memory:"
SEVERAL_HOSTS = re.compile(
    r"(?P<before>postgres\w*://([^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>.*)", re.ASCII
)
ORIGIN = re.compile(r"https?://(\[[\da-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII)

# WAL lets readers continue while one connection writes. With WAL, synchronous=NORMAL cannot
# corrupt the file (https://sqlite.org/pragma.html#pragma_synchronous). Without recursive
# triggers, INSERT OR REPLACE would not fire the delete triggers, and counts would be wrong.
SQLITE_OPTIONS = {
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON;"
    ),
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}

P = ParamSpec("P")
T = TypeVar("T")

# What is wrong with the settings. Between `begin` and `finish`, in settings.py, problems are
# collected here, so that all are reported at once; elsewhere each is raised where it occurs.
problems: list[str] = []
_is_collecting = False


def begin() -> None:
    """Collect the problems of the settings that are read from now on."""
    global _is_collecting
    problems.clear()
    _is_collecting = True


def finish() -> None:
    """Report the problems that were collected; `manage.py doctor` reports them itself.

    Raises:
        ImproperlyConfigured: There are some.
    """
    global _is_collecting
    _is_collecting = False
    if problems and sys.argv[1:2] != ["doctor"]:
        more = ["Run `python manage.py doctor` for the remedies."] if len(problems) > 1 else []
        raise ImproperlyConfigured("\n".join([*problems, *more]))


def collected(fallback: Callable[..., Any]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return, for a setting whose problem is collected, what `fallback` makes of the arguments."""

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(read)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(*args, **kwargs)
            except ImproperlyConfigured as error:
                if not _is_collecting:
                    raise
                problems.append(str(error))
                value: T = fallback(*args, **kwargs)
                return value

        return wrapped

    return decorate


def default_value(*_: Any, default: Any = False, **__: Any) -> Any:
    """Return the default of a setting."""
    return default


@collected(default_value)
def flag(name: str, *, default: bool = False) -> bool:
    """Return the yes/no variable `name`.

    Raises:
        ImproperlyConfigured: The value is neither yes nor no.
    """
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if value == "" else value in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def words(name: str) -> list[str]:
    """Return the comma-separated variable `name` as a list, without surrounding spaces."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


@collected(lambda name: "INFO")
def log_level(name: str) -> str:
    """Return the variable `name` as the name of a log level, by default INFO."""
    value = os.environ.get(name, "").strip().upper() or "INFO"
    if value not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"{name} must be DEBUG, INFO, WARNING or ERROR, not {value!r}.")
    return value


@collected(lambda name, choices: choices[0])
def choice(name: str, choices: Sequence[str]) -> str:
    """Return the variable `name`, which is one of `choices`; the first is the default."""
    value = os.environ.get(name, "").strip().lower() or choices[0]
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(choices)}, not {value!r}.")
    return value


@collected(default_value)
def whole_number(name: str, *, default: int) -> int:
    """Return the variable `name` as an integer, 0 or more."""
    value = os.environ.get(name, "").strip()
    if value and not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value) if value else default


@collected(
    lambda name, default: {"ENGINE": ENGINES["django.db.backends.sqlite3"], "NAME": IN_MEMORY}
)
def database(name: str, *, default: str) -> dict[str, Any]:
    """Return Django's settings for the database URL in the variable `name`.

    Raises:
        ImproperlyConfigured: The URL is malformed. The message never contains the URL, which
            holds a password.
    """
    url = os.environ.get(name, "").strip() or default
    remedy = (
        "Write postgresql://USER:PASSWORD@HOST:5432/NAME or sqlite:///FILE, with special "
        "characters in the password percent-encoded (@ is %40)."
    )
    try:
        settings: dict[str, Any] = _parsed(url)
        misread = _is_misread(url)
    except (ValueError, KeyError):  # ParseError and UnknownSchemeError are ValueErrors
        misread = True
    if misread:
        raise ImproperlyConfigured(f"{name} is not a database URL. {remedy}")
    engine = str(settings["ENGINE"])
    if engine not in ENGINES:
        raise ImproperlyConfigured(
            f"{name} names a database that is neither PostgreSQL nor SQLite. {remedy}"
        )
    if not settings["NAME"] or (settings["NAME"] == IN_MEMORY and IN_MEMORY not in url):
        raise ImproperlyConfigured(f"{name} names no database. {remedy}")
    settings["ENGINE"] = ENGINES[engine]
    settings["CONN_HEALTH_CHECKS"] = True
    if engine.endswith("postgresql"):
        # Without it, a host that drops packets would block a request for two minutes.
        settings["OPTIONS"] = {"connect_timeout": 10} | settings.get("OPTIONS", {})
    if engine.endswith("sqlite3"):
        settings["OPTIONS"] = SQLITE_OPTIONS | settings.get("OPTIONS", {})
    return settings


def _parsed(url: str) -> dict[str, Any]:
    """Return Django's settings for a database URL, which may name several hosts.

    libpq tries the hosts of `postgresql://USER@HOST1:5432,HOST2:5433/NAME` in order; the parser
    knows only one.
    """
    place, hosts = SEVERAL_HOSTS.match(url), []
    if place is not None:
        hosts = [urlsplit(f"//{one}") for one in place["hosts"].split(",")]
        url = f"{place['before']}{place['hosts'].partition(',')[0]}{place['after']}"
    settings: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60))
    if hosts:
        settings["HOST"] = ",".join(one.hostname or "" for one in hosts)
        settings["PORT"] = ",".join(str(one.port or 5432) for one in hosts)
    return settings


def _is_misread(url: str) -> bool:
    """Return whether the parser accepted a `url` but misread it.

    If `//` is missing, or there is one `/` too many or one in the password, the parser takes
    the rest of the URL as the name of the database. Names are shown in messages, and this one
    would contain the password. After `sqlite://` it ignores a file name and uses memory.
    """
    if url == f"sqlite://{IN_MEMORY}":
        return False
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and "://" in url:
        return bool(parts.netloc)
    return "://" not in url or any(sign in parts.path[1:] for sign in "/@:")


@collected(lambda name: "")
def origin(name: str) -> str:
    """Return the variable `name` as an origin, `https://HOST` with or without a port.

    Raises:
        ImproperlyConfigured: The value is something else.
    """
    value = os.environ.get(name, "").strip().rstrip("/")
    if value and not ORIGIN.fullmatch(value):
        raise ImproperlyConfigured(
            f"{name} must be an origin such as https://chat.example.org, not {value!r}."
        )
    return value


@dataclass(frozen=True)
class MailServer:
    """A mail server; an empty `host` means none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    implicit_tls: bool = False
    starttls: bool = False


@collected(lambda name: MailServer())
def mail(name: str) -> MailServer:
    """Return the mail server of the URL in the variable `name`.

    `smtps://` uses TLS from the first byte (port 465). `smtp://` uses STARTTLS on port 587, the
    port for mail submission (RFC 6409), and no TLS on any other port.

    Raises:
        ImproperlyConfigured: The URL is malformed.
    """
    url = os.environ.get(name, "").strip()
    if not url:
        return MailServer()
    try:
        parts = urlsplit(url)
        port = parts.port or {"smtp": 587, "smtps": 465}[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} is not a mail server's URL. Write smtp://USER:PASSWORD@HOST:587 or "
            "smtps://USER:PASSWORD@HOST:465, with special "
            "characters percent-encoded (@ is %40)."
        )
    return MailServer(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        implicit_tls=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp" and port == 587,
    )


@collected(lambda path, production: secrets.token_urlsafe(50))
def secret_key(path: Path, *, production: bool) -> str:
    """Return SECRET_KEY; in development create one and keep it in `path`."""
    key = os.environ.get("SECRET_KEY", "").strip()
    if key:
        return key
    if production:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to a long random text, for example the output of "
            "`python -c 'import secrets; print(secrets.token_urlsafe(50))'` "
            "(or set DEBUG=1 on a development machine)."
        )
    if not path.exists():
        # A hard link is created atomically and only once, so processes that start together
        # agree on one key.
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # another process was first
        finally:
            draft.unlink()
    return path.read_text().strip()
