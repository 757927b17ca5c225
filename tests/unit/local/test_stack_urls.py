"""The URLs of a stack, and which service the commands call."""

import os
from pathlib import Path

from ml_training.local.run_file import RunInfo
from ml_training.local.stack_urls import StackUrls, find_stack_urls
from ml_training.settings import Settings


def test_the_service_to_call_is_the_setting_then_the_running_stack_then_the_configured_ports(tmp_path: Path) -> None:
    wildcards = {"api_host": "0.0.0.0", "exporter_host": "::"}  # noqa: S104 - what a user may have set
    settings = Settings(data_dir=tmp_path, api_port=81, exporter_port=82, **wildcards)
    assert find_stack_urls(settings) == StackUrls("http://127.0.0.1:81", "http://[::1]:82")
    tls = settings.model_copy(update={"tls_cert_file": tmp_path / "cert.pem"})
    assert find_stack_urls(tls) == StackUrls("https://127.0.0.1:81", "https://[::1]:82")
    info = RunInfo(
        api_url="http://127.0.0.1:1",
        exporter_url="http://127.0.0.1:2",
        broker_url="redis://:secret@127.0.0.1:3/0",
        database_url="sqlite:///x.db",
        pid=os.getpid(),
    )
    info.write(settings.run_file)
    assert find_stack_urls(settings) == StackUrls("http://127.0.0.1:1", "http://127.0.0.1:2")
    chosen = settings.model_copy(update={"api_url": "http://elsewhere"})
    assert find_stack_urls(chosen).api == "http://elsewhere"
