"""The report of an observed service as Markdown, problems first."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from tools.observe.checks import Finding


def render_report(
    findings: Iterable[Finding], *, title: str, facts: Mapping[str, str], alerts: Mapping[str, str]
) -> str:
    """The whole document."""
    found = list(findings)
    problems = [finding for finding in found if finding.problem]
    lines = [f"# {title}", "", *(f"* {name}: {value}" for name, value in facts.items())]
    lines += [f"* queries: {len(found)}, with data {sum(bool(one.result.numbers) for one in found)}", ""]
    lines += [f"**{one.group}, {one.where}: {one.problem}** `{one.query}`" for one in problems] or ["No problems.", ""]
    for group, members in groupby(found, key=lambda one: one.group):
        lines += [f"## {group}", "", "| where | query | series | NaN | example |", "|---|---|---|---|---|"]
        lines += [_row(one) for one in members]
        lines.append("")
    lines += ["## Alerts at the end", "", *(f"* {name}: {state}" for name, state in sorted(alerts.items())), ""]
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    result = finding.result
    share = f"{result.nans} of {result.nans + result.numbers}" if result.nans else ""
    example = finding.problem or result.example or f"rightly none: {finding.reason}"
    cells = (finding.where, f"`{finding.query}`", str(result.series), share, example)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
