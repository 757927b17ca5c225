"""An OpenID Connect provider for tests that says what a test wants: also what no real one would say."""

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "ml-training", "c/l:i e=nt"
_KEY, _STRANGER = RSAKey.generate_key(2048, {"kid": "own"}), RSAKey.generate_key(2048, {"kid": "own"})


@dataclass
class Issuer:
    """What it says; url: its issuer."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)  # beside the right ones, or in their place; None: left out
    metadata: dict[str, Any] = field(default_factory=dict)
    signed_by: str = "own"  # or "stranger", "client secret", "nobody"
    token_status: int = 200
    is_away: bool = False
    nonce: str = ""  # of the last browser
    challenge: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)  # what the token endpoint was sent
    authorization: str = ""

    def described(self) -> dict[str, Any]:
        """The discovery document."""
        names = {
            "issuer": "",
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "jwks_uri": "/keys",
        }
        return {name: self.url + path for name, path in names.items()} | self.metadata

    def visit(self, location: str) -> str:
        """A browser comes with what the service sent it to; the state that it carries."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        return asked["state"]

    def id_token(self) -> str:
        """An ID token for the last browser."""
        now = int(time.time())
        right = {"iss": self.url, "aud": CLIENT_ID, "sub": "ada", "iat": now, "exp": now + 300, "nonce": self.nonce}
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.signed_by == "nobody":
            parts = (orjson.dumps({"alg": "none"}), orjson.dumps(claims), b"")
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        if self.signed_by == "client secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET * 4))
        return jwt.encode({"alg": "RS256", "kid": "own"}, claims, _KEY if self.signed_by == "own" else _STRANGER)

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and document of a request."""
        if self.is_away:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            return 200, self.described()
        if path == "/keys":
            return 200, dict(KeySet([_KEY]).as_dict(private=False))
        self.forms.append(form)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != self.challenge:
            return 400, {"error": "invalid_grant"}
        return self.token_status, {"id_token": self.id_token(), "token_type": "Bearer", "access_token": "a"}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """A provider on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            if self.path == "/token":
                issuer.authorization = self.headers.get("Authorization", "")
            status, document = issuer.answer(urlsplit(self.path).path, form)
            body = orjson.dumps(document)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the library calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
