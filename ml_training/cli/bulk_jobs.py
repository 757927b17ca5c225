"""The commands for many jobs: cancel, retry."""

from collections.abc import Callable
from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, Json, result_printer
from ml_training.cli.service import connect
from ml_training.domain.states import JobStatus

JobIds = Annotated[list[int] | None, typer.Argument(metavar="JOB...", min=1, help="The ids of jobs.")]
Status = Annotated[JobStatus | None, typer.Option(case_sensitive=False, help="All jobs in this state.")]
Type = Annotated[str | None, typer.Option("--type", help="All jobs of this type, such as TRAIN.")]
ModelType = Annotated[str | None, typer.Option(help="All jobs of this model type.")]
Study = Annotated[int | None, typer.Option(min=1, help="All jobs of the study of this TUNE job.")]


def cancel(
    job_ids: JobIds = None,
    status: Status = None,
    job_type: Type = None,
    model_type: ModelType = None,
    study: Study = None,
    as_json: AsJson = False,
) -> None:
    """Ask jobs to stop, by their ids or by a filter; they are CANCELLED within seconds.

    Example: ml-training cancel 7 8; ml-training cancel --status pending --type train
    """
    from ml_training.client.progress import job_label

    filters = _filters(status, job_type, model_type, study)
    with result_printer(as_json) as printer, connect() as client:
        if len(job_ids or ()) == 1 and not filters:
            job = client.transport.post(f"/jobs/{(job_ids or [0])[0]}/cancel")
            printer.document(job)
            asked = "" if JobStatus(job["status"]).is_terminal else ", and was asked to stop"
            printer.line(f"{job_label(job)} is {job['status']}{asked}")
            return
        answer = _answer(client.jobs.cancel_many, job_ids, filters)
        printer.document(answer)
        for item in answer["items"]:
            printer.line(_line(item, done=f"#{item['id']} is {item['job_status']}"))
        _finish(answer)


def retry(
    job_ids: JobIds = None,
    status: Status = None,
    job_type: Type = None,
    model_type: ModelType = None,
    as_json: AsJson = False,
) -> None:
    """Submit the specs of FAILED or CANCELLED jobs again, as new jobs, by their ids or by a filter.

    Example: ml-training retry 7 8; ml-training retry --status failed --type train
    """
    filters = _filters(status, job_type, model_type, None)
    with result_printer(as_json) as printer, connect() as client:
        answer = _answer(client.jobs.retry_many, job_ids, filters)
        printer.document(answer)
        for item in answer["items"]:
            printer.line(_line(item, done=f"#{item['id']} is tried again as #{item['job_id']}"))
        _finish(answer)


def _filters(status: JobStatus | None, job_type: str | None, model_type: str | None, study: int | None) -> Json:
    given = {
        "status": status and status.value,
        "job_type": job_type and job_type.upper(),
        "model_type": model_type,
        "parent_id": study,
    }
    return {name: value for name, value in given.items() if value is not None}


def _answer(call: Callable[..., Json], job_ids: list[int] | None, filters: Json) -> Json:
    if bool(job_ids) == bool(filters):
        raise typer.BadParameter("name jobs by their ids, or all of a kind by options: one of them")
    return call(ids=job_ids) if job_ids else call(**filters)


def _line(item: Json, *, done: str) -> str:
    reasons = "; ".join(f"{error['pointer']} {error['detail']}".strip() for error in item["errors"])
    return done if item["status"] == 202 else f"#{item['id']}: {reasons}"


def _finish(answer: Json) -> None:
    if answer["remaining"]:
        raise Failed(f"{answer['remaining']:,} or more remain: repeat the command")
    if any(item["status"] != 202 for item in answer["items"]):
        raise Failed("not every job could be")
