"""PromQL of dashboards and rules, parsed: what it names, and whether it is PromQL at all."""

import re

import promql_parser
from promql_parser import Expr, VectorSelector

# What Grafana puts in for a one-hour view of a server that scrapes every five seconds.
GRAFANA_VARIABLES = {"$__rate_interval": "20s", "$__range": "3600s"}
HISTOGRAM_PARTS = re.compile(r"_(bucket|sum|count)$")


def as_prometheus_sees_it(expression: str) -> str:
    """`expression` with Grafana's variables replaced, longest name first."""
    for name in sorted(GRAFANA_VARIABLES, key=len, reverse=True):
        expression = expression.replace(name, GRAFANA_VARIABLES[name])
    return expression


def parse(expression: str) -> Expr:
    """The syntax tree; raises ValueError with the parser's reason."""
    tree: Expr = promql_parser.parse(as_prometheus_sees_it(expression))
    return tree


def selectors(expression: str) -> list[VectorSelector]:
    """Every selector of the expression, those inside ranges too."""
    found: list[VectorSelector] = []

    def visit(node: Expr) -> bool:
        if isinstance(node, VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(parse(expression), visit)
    return found


def series_names(expression: str) -> set[str]:
    """The series that the expression selects by name."""
    return {selector.name for selector in selectors(expression) if selector.name}
