"""What a notebook shows, and the events of a stream."""

from ml_training.client import Client
from ml_training.client.datasets import Dataset
from ml_training.client.events import read_events
from ml_training.client.jobs import Job
from ml_training.client.models import Model
from tests.support.command_line import job_document
from tests.support.json_server import JsonServer


def test_objects_and_lists_are_tables_without_the_markup_of_names(server: JsonServer) -> None:
    client = Client(server.url)
    error = {"code": "timeout", "message": "too <b>long", "hint": "raise it"}
    job = Job.read(client, job_document("FAILED", error=error))
    assert "<td>too &lt;b&gt;long</td>" in job._repr_html_()
    assert "raise it" in job._repr_html_()
    dataset = Dataset.read(client, {"id": 1, "name": "x", "version": 2, "reasons": [{"detail": "no <rows>"}]})
    assert "no &lt;rows&gt;" in dataset._repr_html_()
    scores = {"held_out": {"r2": 0.25, "rmse": None}}
    model = Model.read(client, {"id": 1, "task": "regression", "scores": scores, "aliases": []})
    assert "r2 0.2500" in model._repr_html_()
    server.answer("GET", "/api/v1/jobs", {"items": [job_document("RUNNING")], "next_cursor": None})
    assert "<th>status</th>" in client.jobs.list()._repr_html_()


def test_records_keep_fields_of_newer_services_and_read_times(server: JsonServer) -> None:
    job = Job.read(Client(server.url), job_document("RUNNING", queue="fast"))
    assert job.data["queue"] == "fast"
    assert job.created_at.isoformat() == "2026-01-31T12:00:00+00:00"
    assert job.queue_wait_seconds is None


def test_events_are_read_with_their_numbers_and_comments_are_skipped() -> None:
    stream = """retry: 2000

event: progress
data: {"progress": 0.5}

: keep-alive

id: 3
event: log
data: {"line": "a: b"}

event: end
data: {"status":"""
    found = list(read_events(stream.split("\n")))
    assert [(event.kind, event.seq) for event in found] == [("progress", None), ("log", 3)]
    assert found[1].data == {"line": "a: b"}
