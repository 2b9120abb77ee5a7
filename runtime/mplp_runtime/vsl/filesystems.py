"""Where SQLite's write-ahead log cannot work: its index is shared memory, and network folders lack it."""

from __future__ import annotations

from pathlib import Path

_WITHOUT_SHARED_MEMORY = frozenset(
    {
        "nfs",
        "nfs3",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
    }
)
_MOUNTS = Path("/proc/self/mountinfo")


def supports_write_ahead_log(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """False where `folder` lies on a network file system. True where that cannot be told (no /proc)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    best: tuple[int, str] = (-1, "")
    parts = folder.resolve().parts
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        mount = Path(fields[4].replace("\\040", " ").replace("\\011", "\t")).parts
        # A later line with the same mount point covers the earlier one.
        if parts[: len(mount)] == mount and len(mount) >= best[0]:
            best = (len(mount), after.split()[0])
    return best[1] not in _WITHOUT_SHARED_MEMORY
