"""Django settings. Values that differ between machines come from the environment."""

import os
from pathlib import Path

from csp.constants import NONE, SELF
from dotenv import load_dotenv

from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")
environment.begin()  # collects every problem; the last line of this file reports them

DEBUG = environment.flag("DEBUG")
SECRET_KEY = environment.secret_key(BASE_DIR / ".secret_key", production=not DEBUG)
# Where the server listens; gunicorn.conf.py reads it too.
HOST = os.environ.get("HOST", "").strip()
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")
if render_host := os.environ.get("RENDER_EXTERNAL_HOSTNAME"):
    ALLOWED_HOSTS.append(render_host)

INSTALLED_APPS = [
    "schema",
    "users",
    "personas",
    "threads",
    "chat",
    "api",
    "users.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "config.probes.Probes",
    "config.requests.RequestDetails",
    "api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.compression.CompressionMiddleware",
    "config.middleware.NeverCacheMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every view requires a log-in, except those marked with login_not_required.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "users.context.appearance",
                "threads.context.sidebar",
            ],
            "builtins": [
                "config.template_tags",
                "personas.template_tags",
                "threads.template_tags",
                "django.templatetags.i18n",
            ],
        },
    },
]

DATABASES = {
    "default": environment.database(
        "DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'twinthread.sqlite3'}"
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "users.User"
# Argon2 for new hashes. The last one verifies the hashes of the earlier product.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "users.hashers.LegacyBCryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = ["users.backends.RateLimitedBackend"]
LOGIN_URL = "users:log_in"
LOGIN_REDIRECT_URL = "threads:home"
LOGOUT_REDIRECT_URL = "users:log_in"
PASSWORD_RESET_TIMEOUT = 3600  # seconds

# Who may sign up: "open", "closed" (by invitation only), or the domains of e-mail addresses.
SIGN_UP = [word.lower() for word in environment.words("SIGN_UP")] or ["open"]

# The origin that links in mails begin with.
SITE_URL = environment.origin("SITE_URL")

# Without a mail server, mail is written to the console.
mail = environment.mail("EMAIL_URL")  # in lower case: no setting, so no error page shows it
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if mail.host else 'console'}.EmailBackend"
EMAIL_HOST = mail.host
EMAIL_PORT = mail.port
EMAIL_HOST_USER = mail.user
EMAIL_HOST_PASSWORD = mail.password
EMAIL_USE_SSL = mail.implicit_tls
EMAIL_USE_TLS = mail.starttls
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM") or "Twinthread <noreply@localhost>"

# The settings of the app `schema`; docs/schema.md describes the keys.
SCHEMA = {
    "ADOPTION": "legacy.spec.SPEC",
    "CONNECTION_SETTINGS": {"default": "DATABASE_URL"},
    "DIRECT_CONNECTIONS": {
        "default": environment.database("DATABASE_DIRECT_URL", default="")
        if os.environ.get("DATABASE_DIRECT_URL", "").strip()
        else None
    },
    "DIRECT_CONNECTION_SETTINGS": {"default": "DATABASE_DIRECT_URL"},
    "NEXT_STEPS": [
        ("python manage.py createsuperuser", "create an administrator"),
        ("python manage.py runserver", "start the site here, or restart it where it is served"),
    ],
    # Their migrations change the schema and their own rows, by operations and SQL alone.
    "TRUSTED_APPS": ["users", "personas", "threads", "chat", "api"],
}

LANGUAGE_CODE = "en"
# A cookie holds the language that the person chose; otherwise it follows the browser.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"

# Origins whose pages may call the API; * is any. No cookie lets anybody in there, only a key.
CORS_ALLOWED_ORIGINS = environment.words("CORS_ALLOWED_ORIGINS") or ["*"]

# What programs may ask for in a minute, and what all replies to a person may take in a day;
# 0 is no limit.
API_CHATS_PER_MINUTE = environment.whole_number("API_CHATS_PER_MINUTE", default=60)
DAILY_TOKENS = environment.whole_number("DAILY_TOKENS", default=0)

# The model server: any server that speaks OpenAI's protocol.
OPENAI_BASE_URL = os.environ.get("OPENAI_BASE_URL", "").strip()
OPENAI_API_KEY = os.environ.get("OPENAI_API_KEY", "").strip()
OPENAI_MODEL = os.environ.get("OPENAI_MODEL", "").strip()
# Seconds of silence after which a reply is given up. A local model may take long to load.
OPENAI_TIMEOUT = environment.whole_number("OPENAI_TIMEOUT", default=120)
# How much a model reads at most, if its server does not report it.
OPENAI_CONTEXT_TOKENS = environment.whole_number("OPENAI_CONTEXT_TOKENS", default=8192)

# Without DEBUG the site is in production: HTTPS only, unless HTTPS=0.
HTTPS = environment.flag("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = environment.whole_number("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = environment.flag("BEHIND_PROXY")
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DEFAULT_EXCEPTION_REPORTER_FILTER = "config.redaction.ReporterFilter"

# Programs that collect logs read JSON.
LOG_FORMAT = environment.choice("LOG_FORMAT", ["text", "json"])
# With it, Prometheus may read /metrics; without it there is no such page.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "config.logs.TextFormatter",
            "fmt": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "config.logs.JSONFormatter"},
    },
    "filters": {"urls": {"()": "config.redaction.URLFilter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["urls"]}
    },
    "root": {"handlers": ["stderr"], "level": environment.log_level("LOG_LEVEL")},
    "loggers": {
        # Under DEBUG these two have handlers of their own, which would repeat every line.
        "django": {"handlers": []},
        "django.server": {"handlers": [], "propagate": True},
        # With JSON, every request has a line of its own, without its path.
        "django.request": {"level": "ERROR" if LOG_FORMAT == "json" else "NOTSET"},
        "httpx2": {"level": "WARNING"},  # a line for each request to the model server
    },
}

environment.finish()
