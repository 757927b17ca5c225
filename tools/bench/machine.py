"""The machine, the versions and the commit that a figure belongs to, and what a process costs it."""

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIBRARIES = ("lightgbm", "scikit-learn", "numpy", "pandas", "pyarrow", "polars", "flask", "celery", "gunicorn")


def describe() -> str:
    """Cores, processor, memory, system and library versions in one paragraph."""
    memory = psutil.virtual_memory().total / 2**30
    libraries = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _version(name)))
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}; {libraries}"
    )


def load() -> str:
    """The load average of the last minute, or nothing where it is unknown."""
    return f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def commit_of(directory: Path) -> str:
    """The short id of the checked-out commit, marked when files differ from it; `unknown` outside git."""
    try:
        short = _git(directory, "rev-parse", "--short", "HEAD")
        changed = _git(directory, "status", "--porcelain", "--", "ml_training", "workers", "exporter")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{short} with uncommitted changes" if changed else short


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds that these processes have used since their start; those that are gone count 0."""
    return sum(_cpu(process) for process in processes)


def pss_mb(process: psutil.Process) -> float:
    """The proportional share of memory in MB: a page that n processes share counts 1/n. Linux only; 0 when gone."""
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def reset_peak_memory(process: psutil.Process) -> None:
    """Let the kernel forget the peak of the resident memory (Linux: 5 to clear_refs)."""
    try:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_mb(processes: Iterable[psutil.Process]) -> float:
    """The largest peak of the resident memory of one of these processes, in MB; 0 without any."""
    return max((_peak(process.pid) for process in processes), default=0.0)


def _peak(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) * 1024 / 1e6 for words in lines if words[:1] == ["VmHWM:"]), 0.0)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
