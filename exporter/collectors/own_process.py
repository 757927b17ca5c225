"""This process: memory, CPU, descriptors and garbage collection, from prometheus_client's own collectors."""

import resource
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from exporter import metrics
from exporter.collectors.base import LocalCollector
from exporter.exposition import Families, sample, samples
from exporter.metrics import Metric

_LIBRARY: tuple[Metric, ...] = (
    metrics.PROCESS_VIRTUAL,
    metrics.PROCESS_RESIDENT,
    metrics.PROCESS_START,
    metrics.PROCESS_CPU,
    metrics.PROCESS_OPEN_FDS,
    metrics.PROCESS_MAX_FDS,
    metrics.GC_COLLECTED,
    metrics.GC_UNCOLLECTABLE,
    metrics.GC_COLLECTIONS,
    metrics.PYTHON_INFO,
)
_BY_NAME = {metric.name: metric for metric in _LIBRARY}


def _from_library(registry: CollectorRegistry) -> Families:
    lines: dict[Metric, list[bytes]] = defaultdict(list)
    for family in registry.collect():
        for found in family.samples:
            if metric := _BY_NAME.get(found.name):
                labels = [found.labels[name] for name in metric.labels]
                lines[metric].append(sample(metric, labels, found.value))
    return {metric: b"".join(parts) for metric, parts in lines.items()}


def _from_psutil() -> Families:
    import psutil

    process = psutil.Process()
    with process.oneshot():
        memory, cpu = process.memory_info(), process.cpu_times()
        values: Iterable[tuple[Metric, float]] = (
            (metrics.PROCESS_VIRTUAL, memory.vms),
            (metrics.PROCESS_RESIDENT, memory.rss),
            (metrics.PROCESS_START, process.create_time()),
            (metrics.PROCESS_CPU, cpu.user + cpu.system),
            (metrics.PROCESS_OPEN_FDS, process.num_fds()),
            (metrics.PROCESS_MAX_FDS, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )
    return {metric: samples(metric, [((), value)]) for metric, value in values}


class OwnProcessCollector(LocalCollector):
    """What prometheus_client's collectors say of this process; psutil replaces them where there is no /proc (macOS)."""

    name = "own_process"

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._registry = CollectorRegistry()
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._has_proc = (proc / "self" / "stat").exists()
        if self._has_proc:
            ProcessCollector(proc=str(proc), registry=self._registry)

    def render(self, now: float) -> Families:
        found = _from_library(self._registry)
        return found if self._has_proc else {**found, **_from_psutil()}
