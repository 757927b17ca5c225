"""The settings of the sign-in: all that belong together, and what each may be."""

import pytest

from ml_training.settings import SettingsError, read_settings
from tests.support.identity_provider import provider_settings

RIGHT = provider_settings("https://login.example.org/realms/ml", "https://ml.example.org")
WRONG = {
    "an issuer without encryption": ("oidc_issuer", "http://login.example.org"),
    "an issuer that is no address": ("oidc_issuer", "login.example.org"),
    "an issuer with a password": ("oidc_issuer", "https://me:secret@login.example.org"),
    "no client": ("oidc_client_id", ""),
    "no way back": ("oidc_redirect_url", ""),
    "another way back": ("oidc_redirect_url", "https://ml.example.org/callback"),
    "a way back without encryption": ("oidc_redirect_url", "http://ml.example.org/api/v1/sign-in/callback"),
    "no roles": ("oidc_roles", ""),
    "a role that there is not": ("oidc_roles", "team=root"),
    "no scope of OpenID": ("oidc_scopes", "profile"),
    "a session for ever": ("oidc_session_seconds", "1e12"),
}


def give(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"ML_TRAINING_{name.upper()}", value)


def test_right_ones_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().oidc_issuer == ""
    give(monkeypatch, RIGHT)
    settings = read_settings()
    assert (settings.oidc_issuer, settings.oidc_roles_claim) == (RIGHT["oidc_issuer"], "groups")
    assert RIGHT["oidc_client_secret"] not in repr(settings)
    give(monkeypatch, provider_settings("http://127.0.0.1:9400", "http://localhost:8000"))
    assert read_settings().oidc_issuer == "http://127.0.0.1:9400", "this machine alone needs no encryption"


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=[name.replace(" ", "-") for name in WRONG])
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    give(monkeypatch, {**RIGHT, name: value})
    with pytest.raises(SettingsError, match=f"ML_TRAINING_{name.upper()}: ") as refused:
        read_settings()
    assert "secret" not in str(refused.value)


def test_a_part_of_a_sign_in_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, {"oidc_roles": "team=viewer"})
    with pytest.raises(SettingsError, match="goes with ML_TRAINING_OIDC_ISSUER"):
        read_settings()
