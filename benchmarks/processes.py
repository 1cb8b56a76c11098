"""What a process takes of the machine, as Linux tells it."""

from pathlib import Path


def memory(pid: int | str = "self") -> float:
    """Return a process's resident memory in megabytes, this one's unless another is named."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor_seconds(pid: int) -> tuple[float, float]:
    """Return how long a process's threads ran, and how long they could have but did not.

    The second is other people's work on the same processors (Linux, sched-stats.txt).
    """
    ran = waited = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        numbers = (thread / "schedstat").read_text().split()
        ran, waited = ran + int(numbers[0]), waited + int(numbers[1])
    return ran / 1e9, waited / 1e9
