"""The OpenID Connect provider that identifies people: authorization code flow with PKCE, state and nonce.

Sources: OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); RFC 9207 (issuer in the answer).
httpx and joserfc are imported with the first sign-in: a service without one never loads them.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ml_training.domain.role_rules import RoleRule, role_rules
from ml_training.domain.sign_in import Person, SignInFailed, SignInTrouble, person_id, shown_name
from ml_training.sign_in_settings import SignInSettings

if TYPE_CHECKING:
    import httpx

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 5.0
AT_A_TIME = 2  # sign-ins of one process that ask the provider: a slow one must not hold all threads
METADATA_SECONDS = 300.0
LEEWAY_SECONDS = 60  # by which the two clocks may differ
# Signatures by a private key. With HS256 whoever knows the client secret could sign; `none` is no signature.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


class IdentityProvider:
    """One provider; thread-safe. It is asked when somebody signs in, and at no other time."""

    def __init__(self, settings: SignInSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._turns = threading.BoundedSemaphore(AT_A_TIME)
        self._metadata: Mapping[str, Any] = {}
        self._metadata_until = 0.0
        self.name = settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or ""
        self.rules: tuple[RoleRule, ...] = role_rules(settings.oidc_roles)
        self.session_seconds = settings.oidc_session_seconds
        self.is_encrypted = settings.oidc_redirect_url.startswith("https:")

    def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent; raises SignInFailed when the provider is away."""
        with self._conversation() as client:
            endpoint = str(self._described(client)["authorization_endpoint"])
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.oidc_client_id,
                "redirect_uri": self._settings.oidc_redirect_url,
                "scope": self._settings.oidc_scopes,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge_of(verifier),
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def identify(self, code: str, *, verifier: str, nonce: str, issuer: str | None) -> Person:
        """Who has signed in; raises SignInFailed. issuer: what the answer says of where it comes from, if it does."""
        if issuer is not None and issuer != self._settings.oidc_issuer:
            raise SignInFailed(SignInTrouble.TOKEN, "the answer comes from another issuer")
        with self._conversation() as client:
            metadata = self._described(client)
            token = self._exchange(client, metadata, code, verifier)
            keys = _json(client.get(str(metadata["jwks_uri"])))
        claims = self._claims(token, keys, nonce)
        name = shown_name(claims.get("preferred_username"), claims.get("email"), claims.get("name"), claims["sub"])
        found = person_id(self._settings.oidc_issuer, str(claims["sub"]))
        return Person(found, name, claims.get(self._settings.oidc_roles_claim))

    @contextmanager
    def _conversation(self) -> Iterator["httpx.Client"]:
        import httpx

        if not self._turns.acquire(timeout=TIMEOUT_SECONDS):
            raise SignInFailed(SignInTrouble.AWAY, "the provider is slow, and others wait for it")
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
                yield client
        except (httpx.HTTPError, httpx.InvalidURL, OSError, KeyError) as error:
            raise SignInFailed(SignInTrouble.AWAY, f"the provider does not answer: {type(error).__name__}") from None
        finally:
            self._turns.release()

    def _described(self, client: "httpx.Client") -> Mapping[str, Any]:
        if self._clock() >= self._metadata_until:
            found = _json(client.get(self._settings.oidc_issuer.rstrip("/") + DISCOVERY))
            if found.get("issuer") != self._settings.oidc_issuer:
                raise SignInFailed(SignInTrouble.AWAY, "the provider calls itself otherwise than OIDC_ISSUER")
            self._metadata, self._metadata_until = found, self._clock() + METADATA_SECONDS
        return self._metadata

    def _exchange(self, client: "httpx.Client", metadata: Mapping[str, Any], code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.oidc_redirect_url,
            "client_id": self._settings.oidc_client_id,
            "code_verifier": verifier,
        }
        secret, headers = self._settings.oidc_client_secret, {"Accept": "application/json"}
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret and "client_secret_basic" in methods:
            headers["Authorization"] = _basic(self._settings.oidc_client_id, secret)
        elif secret:
            form["client_secret"] = secret
        answer = client.post(str(metadata["token_endpoint"]), data=form, headers=headers)
        if 400 <= answer.status_code < 500:
            raise SignInFailed(SignInTrouble.TOKEN, f"the provider refuses the code: HTTP {answer.status_code}")
        token = _json(answer).get("id_token")
        if not isinstance(token, str):
            raise SignInFailed(SignInTrouble.TOKEN, "the provider sent no ID token")
        return token

    def _claims(self, token: str, keys: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """What a token says, once its signature, issuer, audience, time and nonce are right; raises SignInFailed."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        client_id = self._settings.oidc_client_id
        wanted = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(token, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]
            wanted.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignInFailed(SignInTrouble.TOKEN, f"the ID token is not valid: {error}") from None
        is_for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if is_for_others else client_id) != client_id:
            raise SignInFailed(SignInTrouble.TOKEN, "the ID token was made for another client")
        return claims


def challenge_of(verifier: str) -> str:
    """What the provider gets to know of a PKCE verifier before the code is exchanged (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _basic(client_id: str, secret: str) -> str:
    # RFC 6749, 2.3.1: both are form-encoded first.
    from urllib.parse import quote_plus

    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _json(answer: "httpx.Response") -> Mapping[str, Any]:
    """The JSON object of an answer; raises SignInFailed for anything else."""
    try:
        found = answer.json() if answer.status_code == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SignInFailed(SignInTrouble.AWAY, f"the provider answers HTTP {answer.status_code} without JSON")
    return found
