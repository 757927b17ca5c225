"""`/openapi.json` and the interactive page at `/docs`; every asset is served from this machine."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response

from ml_training.api.responses import JSON, json_text
from ml_training.api.route_rules import EVERYONE, allow
from ml_training.api.static_files import file_answer

ASSETS = str(files("flask_openapi3_swagger") / "templates" / "swagger")
MAX_AGE_SECONDS = 3_600
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>ML Training Service</title>
<link rel="icon" href="/docs/assets/images/swagger.svg">
<link rel="stylesheet" href="/docs/assets/css/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# A file of its own, so that the policy need not allow inline scripts.
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});\n'


def docs_blueprint(document: dict[str, Any]) -> Blueprint:
    """The routes that show `document`."""
    docs = Blueprint("docs", __name__)
    # Once, at the first request: then the document is complete. Many readers at once would each need a megabyte for it.
    text = cache(lambda: json_text(document).encode())
    views: tuple[tuple[str, str, Callable[..., Response]], ...] = (
        ("/openapi.json", "openapi", lambda: Response(text(), mimetype=JSON)),
        ("/docs", "page", _page),
        ("/docs/start.js", "start", lambda: Response(START, mimetype="text/javascript")),
        ("/docs/assets/<path:name>", "asset", _asset),
    )
    for path, name, view in views:  # open: they say what the service can do, and nothing of what is in it
        docs.add_url_rule(path, name, allow(EVERYONE)(view))
    return docs


def _asset(name: str) -> Response:
    return file_answer(ASSETS, name, max_age_seconds=MAX_AGE_SECONDS)


def _page() -> Response:
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": POLICY})
