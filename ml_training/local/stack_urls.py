"""Where the parts of a stack answer, as seen from the machine that it runs on."""

from dataclasses import dataclass

from ml_training.local.run_file import read_run_file
from ml_training.settings import Settings


@dataclass(frozen=True, slots=True)
class Urls:
    """The two servers."""

    api: str
    exporter: str


def urls_of(settings: Settings) -> Urls:
    """The URLs of the settings' hosts and ports; a wildcard host answers on the loopback address too."""
    return Urls(
        api=f"http://{_reachable(settings.api_host)}:{settings.api_port}",
        exporter=f"http://{_reachable(settings.exporter_host)}:{settings.exporter_port}",
    )


def find_urls(settings: Settings) -> Urls:
    """The service to talk to: ML_TRAINING_API_URL, else the stack that runs in DATA_DIR, else the settings' ports."""
    configured = urls_of(settings)
    running = read_run_file(settings.run_file)
    return Urls(
        api=settings.api_url or (running.api_url if running else configured.api),
        exporter=running.exporter_url if running else configured.exporter,
    )


def _reachable(host: str) -> str:
    wildcard = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - read here, not bound
    host = wildcard.get(host, host)
    return f"[{host}]" if ":" in host else host
