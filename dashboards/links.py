"""Uids of the dashboards, and links from a panel to another dashboard or to a page of the console."""

from dataclasses import dataclass

OVERVIEW = "ml-training-overview"
FLEET = "ml-training-fleet"
JOB = "ml-training-job"
MODELS = "ml-training-models"
INTERNALS = "ml-training-internals"

API_VARIABLE = "api_url"
# Grafana fills these in at the click: from the table row, from the dashboard's variable, or from the series.
CLICKED_JOB = "${__data.fields.Job}"
CHOSEN_JOB = "${job_id}"
CLICKED_MODEL = "${__data.fields.Model}"
CLICKED_SERIES_MODEL = "${__field.labels.model_id}"


@dataclass(frozen=True)
class Link:
    """An entry of a panel's context menu; `new_tab` for pages outside Grafana."""

    title: str
    url: str
    new_tab: bool = False


def dashboard_link(uid: str, title: str) -> Link:
    """A link to another dashboard, with the same data source and time range."""
    return Link(title, f"/d/{uid}?${{DS_PROMETHEUS:queryparam}}&${{__url_time_range}}")


def job_dashboard_link(job_id: str) -> Link:
    """A link to the dashboard of one job."""
    link = dashboard_link(JOB, "This job's dashboard")
    return Link(link.title, f"{link.url}&var-job_id={job_id}")


def console_link(title: str, path: str) -> Link:
    """A link to a page of the console, which the API serves; `path` is its address there: `jobs/7`."""
    return Link(title, f"${{{API_VARIABLE}:raw}}/console/{path}", new_tab=True)


def runbook_link() -> Link:
    """A link to what to do about each alert, a page of the console."""
    return console_link("What to do about each alert", "runbook.html")


def job_links(job_id: str) -> tuple[Link, ...]:
    """The links to everything about one job."""
    return job_dashboard_link(job_id), console_link("This job in the console", f"jobs/{job_id}")
