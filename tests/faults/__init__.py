"""Long tests with commands of their own. Importing this sets Django up."""

import os

from tests import engine  # noqa: F401 - chooses the database before the settings are read

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()
