"""The commands that look at the service as a whole, with a real HTTP server that answers as the API does."""

import json

from tests.support.command_line import run_command
from tests.support.json_server import JsonServer

OVERVIEW = {
    "jobs": {
        "pending": 3,
        "running": 2,
        "oldest_pending_seconds": 61.4,
        "ended": {"since": "2026-11-29T10:00:00Z", "completed": 5, "failed": 1, "cancelled": 0},
    },
    "workers": {"count": 2, "draining": 1, "slots": 4, "busy_slots": 2},
    "storage": {"stored_bytes": 1_000, "quota_bytes": 2_000, "free_bytes": None},
}
WORKER = {
    "process": "worker@a-1",
    "slots": 4,
    "free_slots": 3,
    "jobs": [{"id": 7}],
    "other_jobs": 0,
    "version": "1.0.0",
    "draining": False,
    "storage_trouble": None,
}


def test_overview_says_what_waits_and_runs(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/overview", OVERVIEW)
    assert run_command("overview").stdout.splitlines() == [
        "jobs     2 run, 3 wait",
        "oldest   has waited for 61 s",
        "ended    5 completed, 1 failed, 0 cancelled since 2026-11-29 10:00 UTC",
        "workers  2 with 4 slots, 2 of them busy; 1 drain",
        "stored   1,000 bytes of 2,000",
    ]
    assert json.loads(run_command("overview", "--json").stdout) == OVERVIEW


def test_workers_are_listed_and_drained(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/workers", {"items": [WORKER]})
    assert "#7" in run_command("workers").stdout
    api.answer("POST", "/api/v1/workers/worker@a-1/drain", {**WORKER, "draining": True}, status=202)
    result = run_command("workers", "drain", "worker@a-1")
    assert result.exit_code == 0
    assert "drains" in result.stdout
