"""Opens stored files: only regular ones, without waiting for anything that took their place."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from ml_training.storage.base import IntegrityError

# O_NONBLOCK: a FIFO would wait for a writer, a device perhaps for ever. O_NOFOLLOW: no link leads out of the storage.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_OPENED = (errno.ELOOP, errno.ENXIO, errno.EISDIR)  # a symbolic link; a socket or a device without a driver


def open_regular(path: Path) -> BufferedReader:
    """The file, open for reading; raises IntegrityError for anything but a regular file, and OSError."""
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        if error.errno in NOT_OPENED:
            raise not_regular(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_regular(path)
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path


def require_regular(path: Path) -> None:
    """Raise IntegrityError unless the path is a regular file or a flat directory of them; OSError when it is gone."""
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        with os.scandir(path) as entries:
            foreign = next((entry for entry in entries if not entry.is_file(follow_symlinks=False)), None)
        if foreign is not None:
            raise not_regular(path / foreign.name)
    elif not stat.S_ISREG(mode):
        raise not_regular(path)


def not_regular(path: Path) -> IntegrityError:
    """The error for a link, FIFO, device, socket or directory in the place of a file."""
    return IntegrityError(f"{path.name} is no regular file: restore it from a backup, or remove it")
