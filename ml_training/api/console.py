"""`/console/`: the pages for a browser. They use the public API alone, so the routes here only serve files."""

from importlib.resources import files
from pathlib import PurePosixPath

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as WerkzeugResponse

from ml_training.api.route_rules import EVERYONE, allow
from ml_training.api.static_files import file_answer

FOLDER = str(files("ml_training") / "console")
PAGE = "index.html"
SHIPPED = frozenset({".js", ".css", ".svg", ".html", ".json", ".txt"})  # not the package's Python
# No inline script or style, no eval, nothing from elsewhere, and no text that becomes markup. `blob:` is for pictures
# that the page draws itself and offers as a download.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
console = Blueprint("console", __name__)


@console.get("/")
@allow(EVERYONE)
def root() -> WerkzeugResponse:
    """Whoever opens the service's address in a browser sees the console."""
    return redirect("/console/")


@console.get("/console/", defaults={"address": PAGE})
@console.get("/console/<path:address>")
@allow(EVERYONE)  # files that are public with the code; what they show comes from routes that ask for a key
def page(address: str) -> Response:
    """A file of the console; an address without an ending, such as jobs/7, is a place within its one page."""
    name = address if PurePosixPath(address).suffix in SHIPPED else PAGE
    response = file_answer(FOLDER, name, max_age_seconds=0)
    response.headers["Content-Security-Policy"] = POLICY
    return response
