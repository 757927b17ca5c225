"""The settings of the sign-in of people: the OpenID Connect provider, and who of its users gets which role."""

from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from ml_training.domain.role_rules import role_rules
from ml_training.domain.variables import PREFIX, is_loopback

CALLBACK = "/api/v1/sign-in/callback"
URL_FORM = "must be https://HOST with an optional path; http:// only on this machine"
REDIRECT_FORM = f"must be the address of this service and {CALLBACK}, such as https://ml.example.org{CALLBACK}"


class SignInSettings(BaseSettings):
    """Without `oidc_issuer` nobody signs in, and no other of these settings may be there."""

    oidc_issuer: str = ""
    oidc_client_id: str = Field("", validate_default=True)
    oidc_client_secret: str = Field("", repr=False)  # empty: a public client
    oidc_redirect_url: str = Field("", validate_default=True)  # as registered with the provider
    oidc_name: str = ""  # shown on the button; empty: the host of the issuer
    oidc_scopes: str = "openid profile email"
    oidc_roles_claim: str = "groups"
    oidc_roles: str = Field("", validate_default=True)  # VALUE=ROLE or VALUE=ROLE@PROJECT, with semicolons
    oidc_session_seconds: float = Field(8 * 3600.0, ge=60, le=30 * 86_400, allow_inf_nan=False)

    @field_validator("oidc_issuer")
    @classmethod
    def _check_issuer(cls, url: str) -> str:
        if url and not _is_safe(url):
            raise ValueError(URL_FORM)
        return url

    @field_validator("oidc_client_id", "oidc_redirect_url", "oidc_roles")
    @classmethod
    def _check_company(cls, value: str, info: ValidationInfo) -> str:
        if bool(value) != bool(info.data.get("oidc_issuer", True)):
            raise ValueError(f"goes with {PREFIX}OIDC_ISSUER: set both or none")
        return value

    @field_validator("oidc_redirect_url")
    @classmethod
    def _check_redirect_url(cls, url: str) -> str:
        if url and not (_is_safe(url) and urlsplit(url).path == CALLBACK):
            raise ValueError(REDIRECT_FORM)
        return url

    @field_validator("oidc_scopes")
    @classmethod
    def _check_scopes(cls, scopes: str) -> str:
        if "openid" not in scopes.split():
            raise ValueError("must name the scope openid, and others with spaces")
        return scopes

    @field_validator("oidc_roles")
    @classmethod
    def _check_roles(cls, text: str) -> str:
        role_rules(text)
        return text


def _is_safe(url: str) -> bool:
    """Whether a URL names a host and nothing that does not belong there, and is encrypted or of this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = "@" in parts.netloc or parts.query or parts.fragment or not url.isprintable() or " " in url
    return bool(host) and not is_plain and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
