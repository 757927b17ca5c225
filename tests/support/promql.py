"""Parses the PromQL of dashboards and rules: which series it selects, with which functions and windows."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser
from promql_parser import AggregateExpr, Call, Expr, MatrixSelector, VectorSelector

# The values that Grafana inserts for a view of one hour of a server that scrapes every five seconds.
GRAFANA_VARIABLES = {"$__rate_interval": "20s", "$__range": "3600s", "$__range_s": "3600"}
DASHBOARD_VARIABLE = re.compile(r"\$(?!__)\w+")


@dataclass(frozen=True)
class SelectorInContext:
    """One selector of an expression, the functions around it from the outside in, and its range window."""

    name: str
    labels: tuple[str, ...]
    functions: tuple[str, ...]
    window: timedelta | None
    at_end: bool


def substitute_variables(expression: str) -> str:
    """`expression` with Grafana's own variables replaced, and every variable of a dashboard by a match of any value."""
    # Longest name first: $__range_s begins with $__range.
    for name in sorted(GRAFANA_VARIABLES, key=len, reverse=True):
        expression = expression.replace(name, GRAFANA_VARIABLES[name])
    return DASHBOARD_VARIABLE.sub(".+", expression)


def parse(expression: str) -> Expr:
    """The syntax tree; raises ValueError with the parser's reason."""
    tree: Expr = promql_parser.parse(substitute_variables(expression))
    return tree


def selectors(expression: str) -> list[VectorSelector]:
    """Every selector of the expression, also those inside ranges."""
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


def selectors_in_context(expression: str) -> list[SelectorInContext]:
    """Every selector of the expression with the functions around it."""
    found: list[SelectorInContext] = []
    _collect_selectors(parse(expression), (), None, found)
    return found


def _collect_selectors(
    node: Any, functions: tuple[str, ...], window: timedelta | None, found: list[SelectorInContext]
) -> None:
    if isinstance(node, VectorSelector):
        labels = tuple(matcher.name for matcher in node.matchers.matchers)
        found.append(SelectorInContext(node.name or "", labels, functions, window, at_end=node.at is not None))
        return
    if isinstance(node, Call):
        functions = (*functions, node.func.name)
    elif isinstance(node, AggregateExpr):
        functions = (*functions, str(node.op))
    elif isinstance(node, MatrixSelector):
        window = node.range
    for child in _children(node):
        _collect_selectors(child, functions, window, found)


def _children(node: Any) -> list[Any]:
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector", "args")]
    flat = [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return [item for item in flat if isinstance(item, Expr)]
