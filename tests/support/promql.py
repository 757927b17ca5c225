"""PromQL of dashboards and rules, parsed: what it names, how it reads it, and whether it is PromQL at all."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser
from promql_parser import AggregateExpr, Call, Expr, MatrixSelector, VectorSelector

# What Grafana puts in for a one-hour view of a server that scrapes every five seconds, everything chosen.
GRAFANA_VARIABLES = {"$__rate_interval": "20s", "$__range": "3600s", "$__range_s": "3600"}
CHOSEN = re.compile(r"\$(?!__)\w+")


@dataclass(frozen=True)
class Selection:
    """One selector of an expression: what stands around it, from the outside in, and the window it reads."""

    name: str
    labels: tuple[str, ...]
    functions: tuple[str, ...]
    window: timedelta | None
    at_end: bool


def as_prometheus_sees_it(expression: str) -> str:
    """`expression` with Grafana's variables replaced, longest name first, and every choice of a board by "any"."""
    for name in sorted(GRAFANA_VARIABLES, key=len, reverse=True):
        expression = expression.replace(name, GRAFANA_VARIABLES[name])
    return CHOSEN.sub(".+", expression)


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


def selections(expression: str) -> list[Selection]:
    """Every selector with what stands around it."""
    found: list[Selection] = []
    _collect(parse(expression), (), None, found)
    return found


def _collect(node: Any, functions: tuple[str, ...], window: timedelta | None, found: list[Selection]) -> None:
    if isinstance(node, VectorSelector):
        labels = tuple(matcher.name for matcher in node.matchers.matchers)
        found.append(Selection(node.name or "", labels, functions, window, at_end=node.at is not None))
        return
    if isinstance(node, Call):
        functions = (*functions, node.func.name)
    elif isinstance(node, AggregateExpr):
        functions = (*functions, str(node.op))
    elif isinstance(node, MatrixSelector):
        window = node.range
    for child in _children(node):
        _collect(child, functions, window, found)


def _children(node: Any) -> list[Any]:
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector", "args")]
    flat = [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return [item for item in flat if isinstance(item, Expr)]
