"""The exporter's own process, with and without /proc."""

from pathlib import Path

import pytest

from exporter.collectors.own_process import OwnProcessCollector
from tests.support.exporter import Series

NAMES = {
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "python_gc_objects_collected_total",
    "python_gc_objects_uncollectable_total",
    "python_gc_collections_total",
    "python_info",
}


@pytest.mark.parametrize("proc", ["/proc", "/nonexistent"])
def test_the_same_names_everywhere(proc: str) -> None:
    families = OwnProcessCollector(Path(proc)).render(0.0)
    page = Series(b"".join(families.values()).decode())
    assert {metric.name for metric in families} == NAMES
    assert all(name in page for name in NAMES)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is nothing to compare with")
def test_psutil_and_proc_agree_on_the_process() -> None:
    collectors = [OwnProcessCollector(Path(proc)) for proc in ("/proc", "/nonexistent")]
    pages = [Series(b"".join(collector.render(0.0).values()).decode()) for collector in collectors]
    for name in ("process_start_time_seconds", "process_max_fds", "process_virtual_memory_bytes"):
        values = [page[name] for page in pages]
        assert values[0] == pytest.approx(values[1], rel=0.2, abs=1.0), name
