"""Find SQLite databases on disks of other machines."""

from __future__ import annotations

from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from schema.connection.connect import database_file
from schema.report import Report

MOUNTS = Path("/proc/self/mounts")
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs"}


def warn_of_network_disk(connection: BaseDatabaseWrapper, report: Report) -> None:
    """Report that the file is on a network disk, where its write-ahead log serves one machine.

    The log's index is shared memory (https://sqlite.org/wal.html). Only Linux lists its mounts
    in a file; elsewhere nothing is reported.
    """
    if connection.vendor != "sqlite" or connection.is_in_memory_db():  # type: ignore[attr-defined]  # SQLite's alone
        return
    folder = database_file(connection).absolute().parent
    kind, place = _mount(folder)
    if kind in NETWORK:
        report.write(
            "network_disk",
            f"The SQLite database is on a network disk ({kind}, mounted at {place}). Only one"
            " machine may use it at a time: its write-ahead log does not work across machines."
            " Move it to a local disk, or use PostgreSQL.",
            file_system=kind,
            mount=place,
        )


def _mount(folder: Path) -> tuple[str, str]:
    """Return the kind and the place of the file system that holds `folder`."""
    try:
        lines = MOUNTS.read_text().splitlines()
    except OSError:
        return "", ""
    found = ("", "")
    for line in lines:
        _, place, kind, *_ = line.split()
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(found[1]):
            found = (kind, place)
    return found
