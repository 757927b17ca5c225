"""Where a click leads: the stable names of the dashboards, and addresses inside Grafana and of the service's API."""

from dataclasses import dataclass

OVERVIEW = "ml-training-overview"
FLEET = "ml-training-fleet"
JOB = "ml-training-job"
MODELS = "ml-training-models"
INTERNALS = "ml-training-internals"

API_VARIABLE = "api_url"
# Grafana fills these in at the click: the value under the pointer, its row, or the dashboard's own choice.
SERIES_JOB = "${__field.labels.job_id}"
ROW_JOB = "${__data.fields.Job}"
CHOSEN_JOB = "${job_id}"
ROW_MODEL = "${__data.fields.Model}"
SERIES_MODEL = "${__field.labels.model_id}"


@dataclass(frozen=True)
class Link:
    """A line of a panel's context menu; `new_tab` for what is not Grafana."""

    title: str
    url: str
    new_tab: bool = False


def to_board(uid: str, title: str) -> Link:
    """To another dashboard, with the same data source and time range."""
    return Link(title, f"/d/{uid}?${{DS_PROMETHEUS:queryparam}}&${{__url_time_range}}")


def to_job(job_id: str) -> Link:
    """To the dashboard of one job."""
    link = to_board(JOB, "This job's dashboard")
    return Link(link.title, f"{link.url}&var-job_id={job_id}")


def to_api(title: str, path: str) -> Link:
    """To a resource of the API, as JSON; `path` below the API's root."""
    return Link(title, f"${{{API_VARIABLE}:raw}}/api/v1/{path}", new_tab=True)


def job_links(job_id: str) -> tuple[Link, ...]:
    """Everything about one job."""
    return to_job(job_id), to_api("This job in the API", f"jobs/{job_id}")
