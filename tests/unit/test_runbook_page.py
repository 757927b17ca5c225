"""The console's page of the runbook is the document, and each alert's link leads to its heading."""

import re
from html import unescape
from pathlib import Path

import yaml

from ml_training.api.console import POLICY
from tools.runbook_page import PAGE, SOURCE, runbook_page

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "dashboards" / "prometheus" / "rules" / "alerts.yml"


def test_the_page_is_the_one_of_the_document() -> None:
    assert PAGE.read_text(encoding="utf-8") == runbook_page(), "python -m tools.runbook_page"


def test_each_alert_links_to_a_heading_of_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]]
    assert len(links) > 20
    for link in links:
        assert f'id="{link.partition("/console/runbook.html#")[2]}"' in page


def test_every_word_of_the_document_is_on_the_page() -> None:
    shown = unescape(re.sub(r"<[^>]+>", "", PAGE.read_text(encoding="utf-8")))
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line)
        for word in re.findall(r"\w{4,}", plain):
            assert word in shown


def test_the_page_works_under_the_policy_of_the_console() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "default-src 'none'" in POLICY
    assert not re.search(r"<script|<style|style=|\son\w+=|<img", page)
