"""Every link leads to an existing dashboard and a variable that it has, or to a page of the console."""

import re
from pathlib import Path

import pytest

from tests.support.dashboards import Json, documents, links_of, operator_documents, title_of

CONSOLE = Path(__file__).parents[3] / "ml_training" / "console"
DASHBOARD_LINK = re.compile(
    r"/d/([\w-]+)\?\$\{DS_PROMETHEUS:queryparam\}&\$\{__url_time_range\}(?:&var-(\w+)=\$\{.+\})?"
)
CONSOLE_LINK = re.compile(r"\$\{api_url:raw\}/console/(?:(\w+)/\$\{.+\}|(\w+\.html))")
BY_UID = {document["uid"]: document for document in documents()}


def variable_names(document: Json) -> set[str]:
    return {variable["name"] for variable in document["templating"]["list"]}


@pytest.mark.parametrize("document", operator_documents(), ids=title_of)
def test_a_link_leads_to_a_dashboard_or_to_the_console(document: Json) -> None:
    for link in links_of(document):
        if match := DASHBOARD_LINK.fullmatch(link["url"]):
            assert match[1] in BY_UID
            assert match[2] is None or match[2] in variable_names(BY_UID[match[1]])
            assert not link["targetBlank"]
        else:
            page = CONSOLE_LINK.fullmatch(link["url"])
            assert page, link["url"]
            if page[2]:
                assert (CONSOLE / page[2]).is_file()
            else:
                assert f'"/{page[1]}/:id"' in (CONSOLE / "pages" / "routes.js").read_text(encoding="utf-8")
            assert "api_url" in variable_names(document)
            assert link["targetBlank"]


def test_the_overview_links_to_fleet_internals_and_each_job() -> None:
    found = [
        match[1]
        for link in links_of(BY_UID["ml-training-overview"])
        if (match := DASHBOARD_LINK.fullmatch(link["url"]))
    ]
    assert set(found) == {"ml-training-fleet", "ml-training-internals", "ml-training-job"}


def test_a_table_column_with_links_exists() -> None:
    for document in operator_documents():
        for panel in document["panels"]:
            if panel["type"] != "table":
                continue
            headings = set(panel["transformations"][-1]["options"]["renameByName"].values())
            overridden = {item["matcher"]["options"] for item in panel["fieldConfig"]["overrides"]}
            assert overridden <= headings
            for link in links_of({"panels": [panel]}):
                assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= headings
