"""Keeps the data directory, and all that this process writes, from the other users of the machine.

Data sets, models, logs and the database are below the data directory: nobody else may read them, nor put other files
in their place. A directory that several users share on purpose has the setgid bit: then its group may.
"""

import os
import re
import stat
from pathlib import Path

from ml_training.domain.variables import PREFIX, SettingsError

OTHERS, GROUP = stat.S_IRWXO, stat.S_IRWXG
OURS = re.compile(
    r"storage|logs|redis|cache|lib|run\.json.*|(database|broker)\.url.*|up\.lock|cores.*|[\w.-]+\.db(-\w+)?|lost\+found"
)


def write_privately() -> None:
    """Let only the owner read what this process writes from now on."""
    os.umask(GROUP | OTHERS)


def keep_private(data_dir: Path) -> None:
    """Set the mode of new files, and take the data directory from others; raises SettingsError when it cannot.

    Only a directory that is empty or holds nothing but files of the service is closed: of any other the mode may be
    needed by somebody. Call it once, at the start of a process that writes below the data directory.
    """
    write_privately()
    try:
        mode = data_dir.stat().st_mode
        if not stat.S_ISDIR(mode):
            raise SettingsError(f"{PREFIX}DATA_DIR: {data_dir} is no directory")
        shared = bool(mode & stat.S_ISGID)
        if shared:
            os.umask(OTHERS)
        too_much = mode & (OTHERS if shared else GROUP | OTHERS)
        if too_much:
            _close(data_dir, mode & ~too_much)
    except FileNotFoundError:
        return  # whoever makes it makes it private
    except PermissionError as error:
        raise SettingsError(f"{PREFIX}DATA_DIR: {data_dir} cannot be used: {error.strerror}") from None


def _close(data_dir: Path, mode: int) -> None:
    """Set the mode; raises SettingsError with the remedy."""
    names = sorted(os.listdir(data_dir))  # noqa: PTH208 - names only
    foreign = next((name for name in names if not OURS.fullmatch(name)), None)
    reason = f"it holds {foreign!r}, which is not of this service" if foreign else ""
    if not reason:
        try:
            data_dir.chmod(stat.S_IMODE(mode))
        except OSError as error:
            reason = f"it cannot be closed: {error.strerror}"
    if reason:
        raise SettingsError(
            f"{PREFIX}DATA_DIR: {data_dir} is open to other users of this machine, and {reason}. "
            f"Close it with `chmod 700 {data_dir}`, or name a directory of the service's own. "
            "To share it with a group: `chmod 2770`"
        )
