"""The catalogue is the contract: names, types and labels cannot change by accident."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from exporter.metrics import CATALOGUE, Metric, MetricKind
from tests.support.documented_metrics import documented_metrics

JOB = ("job_id", "job_type", "model_type")
CLIENT = {
    "ml_service_uptime_seconds": ("gauge", ()),
    "ml_db_connected": ("gauge", ()),
    "ml_models_total": ("gauge", ()),
    "ml_active_jobs": ("gauge", ()),
    "ml_jobs_total": ("counter", ("job_type", "status")),
    "ml_jobs_duration_seconds": ("histogram", ("job_type",)),
    "ml_job_progress_percent": ("gauge", JOB),
    "ml_job_duration_seconds": ("gauge", JOB),
    "ml_job_status": ("gauge", (*JOB, "status")),
    "ml_job_features_count": ("gauge", ("job_id", "job_type")),
    "ml_job_phases_count": ("gauge", ("job_id", "job_type")),
    "ml_training_accuracy": ("gauge", ("model_id",)),
    "ml_test_accuracy": ("gauge", ("model_id",)),
    "process_resident_memory_bytes": ("gauge", ()),
    "process_virtual_memory_bytes": ("gauge", ()),
    "process_cpu_seconds_total": ("counter", ()),
    "process_open_fds": ("gauge", ()),
    "process_max_fds": ("gauge", ()),
    "python_gc_collections_total": ("counter", ("generation",)),
    "python_gc_objects_collected_total": ("counter", ("generation",)),
}
BY_NAME = {metric.name: metric for metric in CATALOGUE}


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_the_clients_metric_has_the_clients_name_type_and_labels(name: str) -> None:
    metric = BY_NAME[name]
    assert (metric.kind.value, metric.labels) == CLIENT[name]


def test_no_name_occurs_twice_in_either_format() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    assert len({metric.family for metric in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_says_what_it_is_in_one_line_that_needs_no_escaping(metric: Metric) -> None:
    assert metric.help
    assert not set(metric.help) & set('\n\\"')
    assert metric.name.startswith(("ml_", "process_", "python_"))
    assert metric.kind is not MetricKind.COUNTER or metric.name.endswith("_total")
    assert not metric.unit or metric.family.endswith(f"_{metric.unit}")


def test_the_documents_list_exactly_the_catalogue() -> None:
    documented = documented_metrics()
    assert set(documented) == set(BY_NAME)
    for name, row in documented.items():
        assert (row.type, set(row.labels)) == (BY_NAME[name].kind.value, set(BY_NAME[name].labels)), name


def test_the_library_still_exports_what_the_catalogue_takes_from_it() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    exported = {family.samples[0].name: family for family in registry.collect()}
    ours = {name: metric for name, metric in BY_NAME.items() if name.startswith(("process_", "python_"))}
    assert {name: family.type for name, family in exported.items()} == {n: m.kind.value for n, m in ours.items()}
    assert {n: f.documentation for n, f in exported.items()} == {n: m.help for n, m in ours.items()}
