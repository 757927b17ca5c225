"""API keys and the audit, for admins."""

from datetime import datetime
from typing import TYPE_CHECKING

from ml_training.client.errors import Json

if TYPE_CHECKING:
    from ml_training.client.client import Client


class Keys:
    """Makes, lists and revokes the API keys of the service."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def create(
        self, name: str, *, role: str, project: str | None = None, expires_at: datetime | str | None = None
    ) -> Json:
        """Make a key; "key" of the answer holds its secret, which is shown only now. The first key closes the service.

        role: viewer, submitter, operator or admin. expires_at: with its offset; None: it does not expire.
        """
        time = expires_at.isoformat() if isinstance(expires_at, datetime) else expires_at
        body = {"name": name, "role": role, "project": project, "expires_at": time}
        given = {field: value for field, value in body.items() if value is not None}
        return self._client.transport.post("/keys", given, repeatable=False)  # a second call would make a second key

    def revoke(self, key_id: str) -> None:
        """Revoke a key for good; key_id: the first part of it, mlt_<id>_<secret>."""
        self._client.transport.delete(f"/keys/{key_id}")

    def audit(self, *, limit: int = 50) -> list[Json]:
        """The newest entries of the audit: who changed what, and who tried what their key does not allow."""
        return [*self._client.transport.list_items("/audit", limit=limit)]

    def list(self, *, limit: int = 50) -> "list[Json]":  # the last one: from here on `list` is this method
        """The newest keys; revoked and expired ones too."""
        return [*self._client.transport.list_items("/keys", limit=limit)]
