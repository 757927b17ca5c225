"""`/openapi.json` and the interactive page at `/docs`; every asset is served from this machine."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from ml_training.api.responses import json_response
from ml_training.api.route_rules import EVERYONE, allow

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
    views: tuple[tuple[str, str, Callable[..., Response]], ...] = (
        ("/openapi.json", "openapi", lambda: json_response(document)),
        ("/docs", "page", _page),
        ("/docs/start.js", "start", lambda: Response(START, mimetype="text/javascript")),
        ("/docs/assets/<path:name>", "asset", _asset),
    )
    for path, name, view in views:  # open: they say what the service can do, and nothing of what is in it
        docs.add_url_rule(path, name, allow(EVERYONE)(view))
    return docs


def _asset(name: str) -> Response:
    # Bytes, not a file: an answer in one piece occupies no thread until its client has read it.
    path = safe_join(ASSETS, name)
    if path is None or not Path(path).is_file():
        raise NotFound
    content, digest = _content(path)
    response = Response(content, mimetype=guess_type(path)[0] or "application/octet-stream")
    response.cache_control.public, response.cache_control.max_age = True, MAX_AGE_SECONDS
    response.set_etag(digest)
    response.make_conditional(request)
    return response


@cache  # a dozen files, 2 MB
def _content(path: str) -> tuple[bytes, str]:
    content = Path(path).read_bytes()
    return content, sha256(content).hexdigest()


def _page() -> Response:
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": POLICY})
