"""What a person who signs in is to the service, and why a sign-in fails."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

NAME_CHARACTERS = 100
PERSON = "person_"


class SignInTrouble(StrEnum):
    """Why nobody was signed in; the console has a text for each."""

    AWAY = "away"  # the provider does not answer, or not as one
    DENIED = "denied"  # the provider, or the person there, has refused
    STATE = "state"  # begun in another browser, under another address, or too long ago
    TOKEN = "token"  # noqa: S105 - no password: what the provider said of the person cannot be trusted
    ROLE = "role"  # no rule gives this person a role
    PROJECT = "project"  # the rule names a project that there is not


class SignInFailed(Exception):
    """Nobody was signed in. The message is for the log: it names no token and no secret."""

    def __init__(self, trouble: SignInTrouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the provider has identified. roles: the claim that rules look at, as it came."""

    person_id: str
    name: str
    roles: object


def person_id(issuer: str, subject: str) -> str:
    """The id of a person, the same at each sign-in: it owns what they make. No key can have it as its id."""
    return PERSON + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


def shown_name(*candidates: object) -> str:
    """The first candidate that can be shown; each is a claim, which may be missing or anything."""
    for candidate in candidates:
        if isinstance(candidate, str):
            text = "".join(letter for letter in candidate if letter.isprintable()).strip()[:NAME_CHARACTERS].strip()
            if text:
                return text
    return "somebody"
