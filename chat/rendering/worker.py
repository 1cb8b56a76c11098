"""Render texts for `pool`: `python -m chat.rendering.worker`.

Each line of the input is a job, each line of the output its HTML, both as JSON. The operating
system ends this process when a job takes too much processor time or memory: a regular
expression cannot be interrupted otherwise.
"""

import contextlib
import json
import os
import resource
import signal
import sys

from chat.rendering import markdown

MAX_MEMORY = 2**30
NICENESS = 5


def main() -> None:
    """Do one job after the other until the input ends."""
    os.nice(NICENESS)
    with contextlib.suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    # Without a handler the signal ends the process.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for line in sys.stdin.buffer:
        job = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, job["seconds"])
        html = markdown.render(job["text"], colours=job["colours"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(html) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
