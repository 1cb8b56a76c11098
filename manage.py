#!/usr/bin/env python
"""Run Twinthread's management commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from schema.report import safe_output


def main() -> None:
    """Run the command line; report wrong settings and an unreachable database in a sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        with safe_output():
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration error: {error}")
    except OperationalError:
        from schema.connection.connect import unreachable

        problem = unreachable()
        if problem is None or "--traceback" in sys.argv:
            raise
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
