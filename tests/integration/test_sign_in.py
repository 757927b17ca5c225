"""People sign in over real processes: two of the API, and a provider that comes, goes and comes back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from ml_training.local.ports import free_port
from ml_training.services.key_cache import STALE_SECONDS
from tests.support.access import bearer, make_key
from tests.support.api_process import Api, running_api
from tests.support.eventually import eventually
from tests.support.identity_provider import provider_settings, running_provider

SIGN_IN = "/api/v1/sign-in"


@pytest.fixture
def port() -> int:
    return free_port("127.0.0.1")


def browser(port: int) -> httpx.Client:
    """It keeps cookies, by the host's name as browsers do, and follows no link by itself."""
    return httpx.Client(
        base_url=f"http://localhost:{port}", timeout=70, trust_env=False, headers={"Connection": "close"}
    )


def sign_in(browser: httpx.Client, user: str) -> httpx.Response:
    """The button, the provider's page, and the way back: the answer of the service."""
    to_provider = browser.get(f"{SIGN_IN}/start", params={"place": "/console/jobs"})
    assert to_provider.status_code == 303
    page = httpx.post(to_provider.headers["Location"], data={"sub": user}, trust_env=False)
    return browser.get(page.headers["Location"])


@pytest.fixture
def running(tmp_path: Path, database_url: str, broker_url: str, port: int) -> Iterator[tuple[Api, ExitStack]]:
    """The API of two processes, and what ends its provider."""
    with ExitStack() as provider:
        issuer = provider.enter_context(running_provider(tmp_path / "provider.log"))
        settings = provider_settings(issuer, f"http://localhost:{port}")
        with running_api(tmp_path, database_url, broker_url, api_workers="2", api_port=str(port), **settings) as api:
            yield api, provider


@pytest.mark.slow
def test_people_sign_in_and_out_and_keys_work_without_the_provider(running: tuple[Api, ExitStack], port: int) -> None:
    api, provider = running
    with browser(port) as ada, browser(port) as eve:
        assert ada.get("/api/v1/jobs").status_code == 401
        assert sign_in(ada, "ada").headers["Location"] == "/console/jobs"
        for _ in range(10):  # both processes know the session
            assert ada.get("/api/v1/keys").status_code == 200
        assert ada.get(SIGN_IN).json()["person"]["name"] == "ada@example.org"
        assert sign_in(eve, "eve").headers["Location"].endswith("?trouble=role")
        assert eve.get("/api/v1/jobs").status_code == 401
        entries = ada.get("/api/v1/audit").json()["items"]
        assert [entry["action"] for entry in entries] == ["sign_in"]
        key = make_key(api.resources.database)
        provider.close()
        assert api.client.get("/api/v1/jobs", headers=bearer(key)).status_code == 200
        assert ada.get("/api/v1/jobs").status_code == 200, "a session needs the provider no more"
        away = eve.get(f"{SIGN_IN}/start")
        # What the provider says of itself is kept for minutes: the page of the provider is then what does not answer.
        assert away.status_code == 303
        session = dict(ada.cookies)
        assert ada.delete(SIGN_IN, headers={"Origin": f"http://localhost:{port}"}).status_code == 204
        signed_out = time.monotonic()
        assert ada.get("/api/v1/jobs").status_code == 401
        with browser(port) as thief:
            thief.cookies.update(session)
            # Each process may use keys that are so old, and which of them answers is chance.
            eventually(lambda: time.monotonic() - signed_out > STALE_SECONDS, what="such keys are too old")
            assert [thief.get("/api/v1/jobs").status_code for _ in range(10)] == [401] * 10
            assert thief.get(SIGN_IN).json()["person"] is None
    assert "s" * 32 not in api.fleet.log("api")


@pytest.mark.slow
def test_the_service_starts_while_the_provider_is_away(
    tmp_path: Path, database_url: str, broker_url: str, port: int
) -> None:
    settings = provider_settings(f"http://127.0.0.1:{free_port('127.0.0.1')}", f"http://localhost:{port}")
    with running_api(tmp_path, database_url, broker_url, api_workers="1", api_port=str(port), **settings) as api:
        key = make_key(api.resources.database)
        assert api.client.get("/api/v1/jobs", headers=bearer(key)).status_code == 200
        with browser(port) as ada:
            assert ada.get(f"{SIGN_IN}/start").headers["Location"] == "/console/sign-in?trouble=away"
