#!/usr/bin/env python
"""Run Twinthread's management commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    """Run the command line; a wrong setting, or a database that is away, is no traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration error: {error}")
    except OperationalError:
        from schema.connection.connect import unreachable

        away = unreachable()
        if away is None or "--traceback" in sys.argv:
            raise
        sys.exit(str(away))


if __name__ == "__main__":
    main()
