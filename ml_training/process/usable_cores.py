"""How many cores this process may use."""

import contextlib
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """The cores of the machine, of the process's affinity, or of the container's CPU quota, whichever is the least.

    At least 1; a quota of one and a half cores counts as 2.
    """
    found = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    with contextlib.suppress(OSError, ValueError):  # not there, or "max"
        quota, period = (cgroups / "cpu.max").read_text().split()
        found.append(-(-int(quota) // int(period)))
    with contextlib.suppress(OSError, ValueError):  # version 1; -1: no quota
        quota, period = ((cgroups / "cpu" / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
        if int(quota) > 0:
            found.append(-(-int(quota) // int(period)))
    return max(1, min(found))
