"""The URLs of the API and the exporter of a stack, as seen from the machine that runs it."""

from dataclasses import dataclass

from ml_training.domain.variables import http_url
from ml_training.local.run_file import read_run_file
from ml_training.settings import Settings


@dataclass(frozen=True, slots=True)
class StackUrls:
    """The base URLs of the two HTTP servers."""

    api: str
    exporter: str


def configured_urls(settings: Settings) -> StackUrls:
    """The URLs of the hosts and ports in the settings; a wildcard host such as 0.0.0.0 becomes the loopback address."""
    tls = settings.tls_cert_file is not None
    return StackUrls(
        api=http_url(settings.api_host, settings.api_port, tls=tls),
        exporter=http_url(settings.exporter_host, settings.exporter_port, tls=tls),
    )


def find_stack_urls(settings: Settings) -> StackUrls:
    """The service to call: ML_TRAINING_API_URL, else the stack that runs in DATA_DIR, else the configured ports."""
    configured = configured_urls(settings)
    running = read_run_file(settings.run_file)
    return StackUrls(
        api=settings.api_url or (running.api_url if running else configured.api),
        exporter=running.exporter_url if running else configured.exporter,
    )
