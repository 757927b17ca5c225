"""People sign in with a provider that says the right thing, every wrong thing, or nothing."""

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.api.session_cookies import own_place
from ml_training.db.access_tables import api_keys, audit
from ml_training.domain.caller import DEFAULT_PROJECT_ID, Role
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from tests.support.access import make_key
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer

SIGN_IN = "/api/v1/sign-in"
JOBS = "/api/v1/jobs"
OWN_PAGE = {"Origin": "http://localhost"}
RULES = "admins=admin;team=submitter;guests=viewer@nowhere"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A provider whose users are in the group `team`."""
    with running_issuer() as issuer:
        issuer.claims = {"groups": ["others", "team"], "email": "ada@example.org"}
        yield issuer


@pytest.fixture
def settings(settings: Settings, issuer: Issuer) -> Settings:
    """Those of the other tests, with a provider."""
    return settings.model_copy(
        update={
            "oidc_issuer": issuer.url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
            "oidc_redirect_url": f"http://localhost{SIGN_IN}/callback",
            "oidc_roles": RULES,
        }
    )


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """It keeps cookies."""
    return app.test_client()


def begin(browser: FlaskClient, issuer: Issuer, place: str = "/console/jobs") -> str:
    """The browser goes to the provider; the state that it carries there."""
    answer = browser.get(f"{SIGN_IN}/start", query_string={"place": place})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{issuer.url}/authorize?")
    return issuer.visit(answer.headers["Location"])


def come_back(browser: FlaskClient, state: str, **parameters: str) -> TestResponse:
    """The browser comes back from the provider."""
    query = {"code": "one", "state": state, "session_state": "of the provider's own", **parameters}
    answer = browser.get(f"{SIGN_IN}/callback", query_string=query)
    assert answer.status_code == 303
    return answer


def sign_in(browser: FlaskClient, issuer: Issuer) -> TestResponse:
    return come_back(browser, begin(browser, issuer))


def trouble(answer: TestResponse) -> str:
    """Why the console says that nobody was signed in; empty: somebody was."""
    return answer.headers["Location"].partition("/console/sign-in?trouble=")[2]


def sessions(resources: Resources) -> list[dict[str, Any]]:
    with resources.database.read() as connection:
        return [dict(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.id)).mappings()]


def test_a_person_signs_in_works_and_signs_out(browser: FlaskClient, issuer: Issuer, resources: Resources) -> None:
    shown = browser.get(SIGN_IN).get_json()
    assert (shown["provider"], shown["person"]) == ("127.0.0.1", None)
    assert browser.get(JOBS).status_code == 401, "where people sign in, nobody comes in without"
    answer = sign_in(browser, issuer)
    assert answer.headers["Location"] == "/console/jobs"
    (cookie,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("ml_training_session=mlt_")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=28800"} <= set(cookie.split("; "))
    person = browser.get(SIGN_IN).get_json()["person"]
    assert (person["name"], person["role"]) == ("ada@example.org", "submitter")
    assert browser.get(JOBS).status_code == 200
    assert browser.get("/api/v1/keys").status_code == 403
    with resources.database.read() as connection:
        (entry,) = connection.execute(select(audit).where(audit.c.action == "sign_in")).mappings()
    (session,) = sessions(resources)
    assert (entry["key_id"], entry["subject_ids"]) == (session["person_id"], [session["key_id"]])
    kept = browser.get_cookie("ml_training_session")
    assert kept is not None
    assert browser.delete(SIGN_IN, headers=OWN_PAGE).status_code == 204
    assert browser.get_cookie("ml_training_session") is None
    browser.set_cookie("ml_training_session", kept.value)
    assert browser.get(JOBS).status_code == 401, "who has copied the cookie is out too"


def test_a_secret_is_sent_as_the_provider_reads_it(app: Flask, settings: Settings, issuer: Issuer) -> None:
    assert trouble(sign_in(app.test_client(), issuer)) == ""
    assert "client_secret" not in issuer.forms[-1]
    as_encoded = base64.b64encode(b"ml-training:c%2Fl%3Ai+e%3Dnt").decode()  # RFC 6749, 2.3.1
    assert issuer.authorization == f"Basic {as_encoded}"
    issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    other = create_app(settings)
    assert trouble(sign_in(other.test_client(), issuer)) == ""
    context_of(other).resources.close()
    assert issuer.forms[-1]["client_secret"] == CLIENT_SECRET


NOW = int(time.time())
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://other.example.org"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "for several, by another": {"aud": [CLIENT_ID, "other"], "azp": "other"},
    "for several, by nobody": {"aud": [CLIENT_ID, "other"]},
    "expired": {"exp": NOW - 3_600},
    "without an end": {"exp": None},
    "of the future": {"iat": NOW + 7_200},
    "another nonce": {"nonce": "of another browser"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
    "a number for the end": {"exp": "soon"},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=[name.replace(" ", "-") for name in WRONG_CLAIMS])
def test_a_token_with_a_wrong_claim_signs_nobody_in(
    browser: FlaskClient, issuer: Issuer, resources: Resources, claims: dict[str, Any]
) -> None:
    issuer.claims |= claims
    assert trouble(sign_in(browser, issuer)) == "token"
    assert sessions(resources) == []
    assert browser.get(JOBS).status_code == 401


@pytest.mark.parametrize("signer", ["stranger", "client secret", "nobody"])
def test_a_token_that_the_provider_has_not_signed_signs_nobody_in(
    browser: FlaskClient, issuer: Issuer, resources: Resources, signer: str
) -> None:
    issuer.signed_by = signer
    assert trouble(sign_in(browser, issuer)) == "token"
    assert sessions(resources) == []


def test_an_answer_counts_only_in_the_browser_that_asked_and_only_once(
    app: Flask, browser: FlaskClient, issuer: Issuer, resources: Resources
) -> None:
    state = begin(browser, issuer)
    assert trouble(come_back(app.test_client(), state)) == "state", "a victim with the attacker's answer"
    assert trouble(come_back(browser, state + "x")) == "state"
    assert trouble(come_back(browser, state)) == "state", "an attempt is used once"
    assert sessions(resources) == []
    assert trouble(sign_in(browser, issuer)) == ""


def test_the_code_is_worth_nothing_without_its_verifier(browser: FlaskClient, issuer: Issuer) -> None:
    state = begin(browser, issuer)
    issuer.challenge = "of another attempt"
    assert trouble(come_back(browser, state)) == "token"


def test_an_answer_of_another_issuer_is_refused_before_its_code_is_sent(browser: FlaskClient, issuer: Issuer) -> None:
    assert trouble(come_back(browser, begin(browser, issuer), iss="https://other.example.org")) == "token"
    assert issuer.forms == []
    assert trouble(come_back(browser, begin(browser, issuer), iss=issuer.url)) == ""


def test_a_person_who_is_refused_is_told_so(browser: FlaskClient, issuer: Issuer, resources: Resources) -> None:
    state = begin(browser, issuer)
    answer = browser.get(f"{SIGN_IN}/callback", query_string={"error": "access_denied", "state": state})
    assert trouble(answer) == "denied"
    issuer.claims["groups"] = ["others"]
    assert trouble(sign_in(browser, issuer)) == "role"
    issuer.claims["groups"] = "guests"
    assert trouble(sign_in(browser, issuer)) == "project"
    assert sessions(resources) == []


def test_while_the_provider_is_away_keys_work_and_the_button_says_so(
    browser: FlaskClient, issuer: Issuer, resources: Resources
) -> None:
    issuer.is_away = True
    answer = browser.get(f"{SIGN_IN}/start")
    assert (answer.status_code, trouble(answer)) == (303, "away")
    key = make_key(resources.database, Role.VIEWER)
    assert browser.get(JOBS, headers={"Authorization": f"Bearer {key.key}"}).status_code == 200
    issuer.is_away = False
    state = begin(browser, issuer)
    issuer.is_away = True
    assert trouble(come_back(browser, state)) == "away"
    issuer.is_away = False
    assert trouble(sign_in(browser, issuer)) == ""


def test_a_provider_under_another_name_is_none(browser: FlaskClient, issuer: Issuer) -> None:
    issuer.metadata = {"issuer": "https://other.example.org"}
    assert trouble(browser.get(f"{SIGN_IN}/start")) == "away"


def test_a_session_ends_by_itself(browser: FlaskClient, issuer: Issuer, resources: Resources) -> None:
    sign_in(browser, issuer)
    with resources.database.write() as connection:
        connection.execute(api_keys.update().values(expires_at=1.0))
        connection.exec_driver_sql("UPDATE key_changes SET number = number + 1")
    context_of(browser.application).access.keys.forget()
    assert browser.get(JOBS).status_code == 401
    assert browser.get(SIGN_IN).get_json()["person"] is None
    assert trouble(sign_in(browser, issuer)) == ""
    assert [session["revoked_at"] is None for session in sessions(resources)] == [False, True]


def test_what_a_person_made_is_theirs_in_the_next_session(
    app: Flask, browser: FlaskClient, issuer: Issuer, resources: Resources
) -> None:
    sign_in(browser, issuer)
    other = app.test_client()
    sign_in(other, issuer)
    first, second = sessions(resources)
    assert first["key_id"] != second["key_id"]
    assert first["person_id"] == second["person_id"]
    issuer.claims["sub"] = "grace"
    stranger = app.test_client()
    sign_in(stranger, issuer)
    assert sessions(resources)[-1]["person_id"] != first["person_id"]
    form = {"file": (io.BytesIO(b"a,b\n1,2\n"), "rows.csv"), "name": "rows"}
    made = browser.post("/api/v1/datasets", data=form, headers=OWN_PAGE, content_type="multipart/form-data")
    path = f"/api/v1/datasets/{made.get_json()['id']}"
    assert stranger.delete(path, headers=OWN_PAGE).status_code == 403
    assert other.delete(path, headers=OWN_PAGE).status_code != 403


def test_a_person_has_so_many_sessions_and_no_more(app: Flask, issuer: Issuer, resources: Resources) -> None:
    for _ in range(12):
        sign_in(app.test_client(), issuer)
    assert [session["revoked_at"] is None for session in sessions(resources)] == [False] * 2 + [True] * 10


def test_a_request_that_changes_something_must_come_from_an_own_page(browser: FlaskClient, issuer: Issuer) -> None:
    sign_in(browser, issuer)
    path = f"{JOBS}/999/cancel"
    assert browser.post(path).status_code == 403, "nobody says which page sent it"
    assert browser.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.post(path, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert browser.post(path, headers=OWN_PAGE).status_code == 404
    assert browser.post(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 404


def test_a_key_in_the_cookie_opens_nothing_and_a_key_is_no_session(browser: FlaskClient, resources: Resources) -> None:
    key = make_key(resources.database)
    assert browser.delete(SIGN_IN, headers={"Authorization": f"Bearer {key.key}"}).status_code == 409
    browser.set_cookie("ml_training_session", key.key)
    assert browser.get(JOBS).status_code == 401
    assert browser.get(SIGN_IN).get_json()["person"] is None


def test_over_https_the_cookies_are_for_this_host_and_encrypted_only(settings: Settings, issuer: Issuer) -> None:
    update = {"oidc_redirect_url": f"https://localhost{SIGN_IN}/callback"}
    app = create_app(settings.model_copy(update=update))
    answer = app.test_client().get(f"{SIGN_IN}/start", base_url="https://localhost")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-ml_training_sign_in=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    context_of(app).resources.close()


@pytest.mark.parametrize(
    "place", ["https://evil.example", "//evil.example", "/console//evil", "/console/../x", "/console/\\x", "/x", ""]
)
def test_nobody_is_sent_to_another_place_than_the_console(place: str) -> None:
    assert own_place(place) == "/console/"
    assert own_place("/console/jobs/7?tab=log") == "/console/jobs/7?tab=log"


def test_without_the_settings_there_are_keys_only(settings: Settings) -> None:
    names = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_redirect_url", "oidc_roles")
    app = create_app(settings.model_copy(update=dict.fromkeys(names, "")))
    client = app.test_client()
    assert client.get(SIGN_IN).get_json() == {"provider": None, "person": None}
    for path in ("start", "callback"):
        assert client.get(f"{SIGN_IN}/{path}").status_code == 409
    assert client.get(JOBS).status_code == 200
    resources = context_of(app).resources.of(DEFAULT_PROJECT_ID)
    make_key(resources.database)
    client.set_cookie("ml_training_session", "x")
    resources.close()
