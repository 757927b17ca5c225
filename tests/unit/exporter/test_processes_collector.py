"""Workers and API processes by their heartbeat rows, and how they change with time."""

from typing import Any, cast

from exporter.collectors.processes import MAX_WORKERS, ProcessesCollector
from ml_training.db.stats import HeartbeatRow, Stats
from tests.support.exporter import Series

NOW = 1_800_000_000.0
REPORT = {"slots": 2, "rss_bytes": 1000}


class Rows:
    """Stands for the database's answer."""

    def __init__(self, rows: tuple[HeartbeatRow, ...], busy: dict[str, int]) -> None:
        self._rows = rows
        self._busy = busy

    def heartbeats(self, *, within: float, limit: int) -> tuple[HeartbeatRow, ...]:
        return self._rows[:limit]

    def busy_slots(self) -> dict[str, int]:
        return self._busy


def page(*rows: HeartbeatRow, later: float = 0.0, busy: dict[str, int] | None = None) -> Series:
    families = ProcessesCollector().collect(cast(Stats, Rows(rows, busy or {})))(NOW + later)
    return Series(b"".join(families.values()).decode())


def worker(name: str = "worker@host-1", *, age: float = 1.0, body: Any = REPORT) -> HeartbeatRow:
    return HeartbeatRow(name, "worker", NOW - age, body)


def api(name: str, *, age: float = 1.0, started: object = NOW - 100.0) -> HeartbeatRow:
    return HeartbeatRow(name, "api", NOW - age, {"master_started_at": started, "rss_bytes": 500})


def test_a_live_worker_shows_its_slots_and_its_jobs() -> None:
    series = page(worker(), busy={"worker@host-1": 1, "worker@gone-1": 5})
    labels = {"worker": "worker@host-1"}
    assert series["ml_workers_up"] == 1
    assert series.value("ml_worker_up", **labels) == 1
    assert series.value("ml_worker_slots", **labels) == 2
    assert series.value("ml_worker_busy_slots", **labels) == 1
    assert series.value("ml_worker_heartbeat_age_seconds", **labels) == 1
    assert series.value("ml_process_resident_memory_bytes", process="worker@host-1") == 1000


def test_a_silent_worker_is_down_after_half_a_minute_and_gone_after_ten() -> None:
    down = page(worker(), later=31)
    assert (down["ml_workers_up"], down["ml_worker_up"]) == (0, 0)
    assert down["ml_worker_heartbeat_age_seconds"] == 32
    assert "ml_worker_slots" not in down
    gone = page(worker(), later=600)
    assert gone["ml_workers_up"] == 0
    assert "ml_worker_up" not in gone


def test_no_heartbeat_at_all_is_no_worker_and_no_uptime() -> None:
    series = page()
    assert (series["ml_workers_up"], series["ml_service_uptime_seconds"]) == (0, 0)


def test_the_uptime_is_that_of_the_newest_living_master() -> None:
    old, new, dead = api("api@h-1"), api("api@h-2", started=NOW - 50.0), api("api@h-3", age=40, started=NOW - 10.0)
    assert page(new, old, dead)["ml_service_uptime_seconds"] == 50
    assert page(new, old, dead, later=60)["ml_service_uptime_seconds"] == 0


def test_the_free_storage_is_what_a_living_maintenance_process_says() -> None:
    def maintenance(name: str, free: object, *, age: float = 1.0) -> HeartbeatRow:
        return HeartbeatRow(name, "maintenance", NOW - age, {"storage_free_bytes": free})

    rows = maintenance("maintenance@h-1", 500), maintenance("maintenance@h-2", 400), maintenance("maintenance@h-3", "1")
    assert page(*rows)["ml_storage_free_bytes"] == 400
    assert "ml_storage_free_bytes" not in page(maintenance("maintenance@h-1", 500, age=31))


def test_a_report_that_makes_no_sense_is_absent_not_an_error() -> None:
    strange: list[Any] = [None, [], "text", {"slots": "2", "rss_bytes": None}, {"slots": True}, {"slots": 10**400}]
    for body in strange:
        series = page(worker(body=body), api("api@h-1", started="yesterday"))
        assert series["ml_worker_up"] == 1
        assert "ml_worker_slots" not in series
        assert series["ml_service_uptime_seconds"] == 0


def test_names_that_read_the_same_are_one_series() -> None:
    series = page(worker("worker@a b"), worker("worker@a\nb", age=20.0), worker('worker@a"b'))
    assert series.labels("ml_worker_up", "worker") == {"worker@a_b"}
    assert series["ml_worker_heartbeat_age_seconds"] == 1.0


def test_a_large_fleet_is_cut_and_the_rest_is_counted() -> None:
    fleet = tuple(worker(f"worker@host-{number}") for number in range(MAX_WORKERS + 50))
    processes = ProcessesCollector()
    families = processes.collect(cast(Stats, Rows(fleet, {})))(NOW)
    series = Series(b"".join(families.values()).decode())
    assert len(series.all("ml_worker_up")) == MAX_WORKERS
    assert series["ml_workers_up"] == MAX_WORKERS + 50
    assert processes.dropped == 50 * 4
