"""Comparisons: models ranked on the same rows."""

from flask import Response

from ml_training.api import render, schemas
from ml_training.api.context import resources
from ml_training.api.documented import blueprint, documented, problems
from ml_training.api.queries import PageQuery
from ml_training.api.respond import reply
from ml_training.services import queries

comparisons = blueprint("comparisons", "Models ranked on the same rows")


@comparisons.get("", responses={200: schemas.ComparisonPage})
@documented(query=PageQuery)
def list_all(query: PageQuery) -> Response:
    """Comparisons, newest first."""
    found = queries.list_comparisons(resources(), cursor=query.cursor, limit=query.limit)
    return reply(render.page(found, render.comparison))


@comparisons.get("/<id:comparison_id>", responses={200: schemas.Comparison, **problems(404)})
@documented(path="comparison_id")
def show(comparison_id: int) -> Response:
    """A comparison: ranking, winner, significance."""
    return reply(render.comparison(queries.get_comparison(resources(), comparison_id)))
