"""What kind of file system a folder is on: proc(5), `mountinfo`."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Final

_NETWORK: Final = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.alluxio-fuse", "fuse.blobfuse2",
        "fuse.ceph-fuse", "fuse.cephfs", "fuse.curlftpfs", "fuse.davfs", "fuse.davfs2", "fuse.gcsfuse",
        "fuse.geesefs", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.mount-s3", "fuse.moosefs",
        "fuse.mfs", "fuse.rclone", "fuse.s3fs", "fuse.s3ql", "fuse.seaweedfs", "fuse.smbnetfs", "fuse.sshfs",
        "gfs2", "glusterfs", "gpfs", "lustre", "ncp", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs",
        "panfs", "pvfs2", "quobyte", "smb2", "smb3", "smbfs", "weka", "wekafs",
    }
)  # fmt: skip
"""Other machines write to these, and neither locks nor shared memory reach them: sqlite.org/wal.html."""

_SHARED: Final = frozenset(
    {
        "9p", "drvfs", "fuse.grpcfuse", "fuse.osxfs", "fuse.vmhgfs-fuse", "fuse.xrdp-chansrv", "prl_fs",
        "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip
"""The machine that lends the folder writes to these as well."""

_MOUNTED_HERE: Final = Path("/proc/self/mountinfo")

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Reach(Enum):
    """Who besides this machine can write to a folder."""

    LOCAL = "local"
    SHARED = "shared"
    """The host of a virtual machine."""
    NETWORK = "network"


def file_system(folder: str, mountinfo: str) -> str:
    """Return the type of the file system of an absolute folder; empty where the text does not say it."""
    mounts: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:  # noqa: PLR2004 - the fifth field is the mount point
            mounts[_unescaped(fields[4])] = after.split(" ")[0]  # a later mount hides an earlier one
    path = PurePosixPath(folder)
    return next((mounts[str(home)] for home in (path, *path.parents) if str(home) in mounts), "")


def reach_of(kind: str) -> Reach:
    """Return who can write to a file system of this type."""
    if kind in _NETWORK:
        return Reach.NETWORK
    return Reach.SHARED if kind in _SHARED else Reach.LOCAL


def mounted_here() -> str:
    """Return the mounts that this process sees; empty where there is no such file (no Linux)."""
    try:
        return _MOUNTED_HERE.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _unescaped(mount_point: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), mount_point)
