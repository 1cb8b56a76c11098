"""Request a health check of the server on this machine: `python -m config.healthcheck PATH`.

The container runs it, because its image has no curl.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

SECONDS = 4  # less than the time that the container gives the command


def main(path: str) -> int:
    """Write the answer; return 0 if it is 200, otherwise 1."""
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        sys.stdout.write(response.read().decode())
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
