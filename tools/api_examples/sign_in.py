"""The part of the story about people who sign in: an API of its own in this process, with a provider beside it."""

import tempfile
from pathlib import Path

import httpx

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from ml_training.settings import Settings
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET, running_issuer
from tools.api_examples.recorder import OperationExamples, Recorder

ORIGIN, PREFIX = "http://localhost", "/api/v1"
PROVIDER = "login.example.org"  # what the examples show in place of a port of this machine


def tell_sign_in() -> dict[str, OperationExamples]:
    """The examples of the operations with which a person signs in and out."""
    with tempfile.TemporaryDirectory() as directory, running_issuer() as issuer:
        issuer.claims = {"groups": ["team"], "email": "ada@example.org"}
        app = create_app(_settings(Path(directory), issuer_url=issuer.url))
        try:
            transport = httpx.WSGITransport(app=app)
            with httpx.Client(transport=transport, base_url=ORIGIN + PREFIX, headers={"Origin": ORIGIN}) as browser:
                recorder = Recorder(browser)
                recorder.call("GET", "/sign-in/callback", status=303, query={"error": "access_denied"})
                recorder.call("GET", "/sign-in/start", status=303, query={"place": "/console/jobs"})
                location = browser.get("/sign-in/start", params={"place": "/console/jobs"}).headers["Location"]
                answer = {"code": "SplxlOBeZQQYbYS6WxSbIA", "state": issuer.visit(location)}
                recorder.call("GET", "/sign-in/callback", status=303, query=answer)
                recorder.call("GET", "/sign-in")
                recorder.call("DELETE", "/sign-in", status=204)
        finally:
            context_of(app).resources.close()
    recorder.operations[f"get {PREFIX}/sign-in/callback"].parameters["iss"] = f"https://{PROVIDER}"
    return recorder.operations


def _settings(directory: Path, *, issuer_url: str) -> Settings:
    url = f"sqlite:///{directory / 'ml_training.db'}"
    database = open_database(url)
    migrate(database)
    database.dispose()
    return Settings(
        database_url=url,
        broker_url="redis://127.0.0.1:1/0",  # none is needed
        data_dir=directory,
        oidc_issuer=issuer_url,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
        oidc_redirect_url=f"{ORIGIN}{PREFIX}/sign-in/callback",
        oidc_name=PROVIDER,
        oidc_roles="team=submitter",
    )
