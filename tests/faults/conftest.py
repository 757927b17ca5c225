"""The fixtures of the integration tests, here too."""

from tests.integration.conftest import resources  # noqa: F401 - pytest finds a fixture by its name here
