"""A real OpenID Connect provider with its own pages, as a process: oidc-provider-mock."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ml_training.local.ports import free_port
from tests.support.eventually import eventually

CALLBACK = "/api/v1/sign-in/callback"
USERS: dict[str, dict[str, Any]] = {
    "ada": {"sub": "ada", "email": "ada@example.org", "groups": ["ml-admins"]},
    "eve": {"sub": "eve", "email": "eve@example.org", "groups": ["sales"]},
}


@contextmanager
def running_provider(log: Path) -> Iterator[str]:
    """Its issuer; it knows USERS."""
    port = free_port("127.0.0.1")
    users = [word for user in USERS.values() for word in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *users]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, "NO_COLOR": "1"}, stdout=output, stderr=output)
    issuer = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            return httpx.get(f"{issuer}/jwks", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers, what="the provider answers")
        yield issuer
    finally:
        process.kill()
        process.wait()


def provider_settings(issuer: str, service: str) -> dict[str, str]:
    """The settings of a service at this address."""
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": "ml-training",
        "oidc_client_secret": "s" * 32,
        "oidc_redirect_url": f"{service}{CALLBACK}",
        "oidc_name": "Example Login",
        "oidc_roles": "ml-admins=admin",
    }
