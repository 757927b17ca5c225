"""The exporter's process: `python -m exporter` reads the settings, builds the parts, serves until SIGTERM."""

import gc
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import ml_training
from exporter.background_loop import BackgroundLoop, throttled_loop
from exporter.broker import BrokerProbe, open_redis
from exporter.celery_events import EventConsumer
from exporter.collectors.api import ApiCollector
from exporter.collectors.broker import BrokerCollector
from exporter.collectors.build import BuildCollector
from exporter.collectors.events import EventsCollector
from exporter.collectors.jobs import JobsCollector
from exporter.collectors.ledger import LedgerCollector
from exporter.collectors.losses import LossesCollector
from exporter.collectors.models import ModelsCollector
from exporter.collectors.own_process import OwnProcessCollector
from exporter.collectors.processes import ProcessesCollector
from exporter.collectors.projects import ProjectsCollector
from exporter.collectors.queue import QueueCollector
from exporter.collectors.storage import StorageCollector
from exporter.event_listener import EventListener
from exporter.http_server import HttpServer
from exporter.live_progress import LiveProgress
from exporter.page_builder import PageBuilder
from exporter.routes import make_routes
from exporter.snapshot import DatabaseSnapshot
from exporter.throttle import Throttle
from ml_training.db.engine import open_database
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.domain.names import project_names
from ml_training.domain.variables import PREFIX, is_loopback
from ml_training.logs import configure_logs, get_logger, warn_of_settings
from ml_training.process.certificate import server_certificate
from ml_training.process.malloc import limit_arenas
from ml_training.process.private_files import write_privately
from ml_training.process.stop_event import StopEvent
from ml_training.revision import code_revision
from ml_training.settings import Settings, SettingsError, read_settings, unknown_settings

log = get_logger(__name__)
# Together less than 30 % of a core, however many events trigger a read.
READ_SHARE = 0.2
BUILD_SHARE = 0.1
BUILD_SECONDS = 1.25  # a read triggers a page of its own, so this is only for when reads hang
PROBE_SECONDS = 1.0
RETRY_SECONDS = 0.3  # between two attempts while the database or the broker is away
CONNECT_SECONDS = 2.0
FIRST_READ_SECONDS = 2.5
JOIN_SECONDS = 3.0
POLL_SECONDS = 0.5
MALLOC_ARENAS = 1  # a heap a thread costs 7 MB here, a tenth of the process
SWITCH_SECONDS = 0.0005  # a scrape waits at most this long for the interpreter lock while a page is being built


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """The parts, wired; `start` once, `stop` once."""

    snapshot: DatabaseSnapshot
    page_builder: PageBuilder
    probe: BrokerProbe
    event_consumer: EventConsumer
    server: HttpServer
    loops: tuple[BackgroundLoop, ...]
    closers: tuple[Callable[[], None], ...]
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start every loop, and the server last, so that the first page that it serves is a complete one."""
        for loop in self.loops:
            self._start_thread(loop.name, loop.run)
        self.snapshot.attempted.wait(FIRST_READ_SECONDS)
        self.page_builder.build()
        self._start_thread("server", lambda: self.server.serve_forever(poll_interval=POLL_SECONDS))

    def stop(self) -> None:
        """End everything; a loop that hangs in a dead connection is left behind, since it is a daemon."""
        if self.threads:
            self.server.shutdown()
        for loop in self.loops:
            loop.stop()
        for thread in self.threads:
            thread.join(JOIN_SECONDS)
        self.server.server_close()
        for close in self.closers:
            close()

    def _start_thread(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)


def build_exporter(settings: Settings, *, revision: str) -> Exporter:
    """All parts, wired; the port is bound, nothing else is opened. Raises OSError if the port is not free."""
    database = open_database(settings.database, pool_size=1, timeout=CONNECT_SECONDS)
    redis = open_redis(settings.broker)
    reads = Throttle(lambda: settings.snapshot_seconds if snapshot.connected else RETRY_SECONDS, share=READ_SHARE)
    builds = Throttle(lambda: BUILD_SECONDS, share=BUILD_SHARE)
    probes = Throttle(lambda: PROBE_SECONDS if probe.connected else RETRY_SECONDS, share=READ_SHARE)

    live_progress = LiveProgress()
    event_consumer = EventConsumer(live_progress, on_change=reads.trigger, on_progress=builds.trigger)
    listener = EventListener(redis, consume=event_consumer.consume, on_subscribed=reads.trigger)
    probe = BrokerProbe(redis, on_change=builds.trigger)
    collectors = (
        ProcessesCollector(),
        LedgerCollector(),
        QueueCollector(),
        JobsCollector(live_progress),
        LossesCollector(),
        ModelsCollector(),
        StorageCollector(),
        ApiCollector(),
        ProjectsCollector(project_names(settings.metrics_projects)),
    )
    local_collectors = (
        BuildCollector(ml_training.__version__, revision),
        BrokerCollector(probe),
        EventsCollector(event_consumer, listener),
        OwnProcessCollector(),
    )
    snapshot = DatabaseSnapshot(database, collectors, on_read=builds.trigger)
    page_builder = PageBuilder(
        snapshot, local_collectors, dropped=lambda: sum(collector.dropped for collector in collectors)
    )
    routes = make_routes(snapshot, page_builder, probe, token=settings.metrics_token.get_secret_value())
    hosts = AllowedHosts(settings.exporter_host, settings.allowed_hosts)
    return Exporter(
        snapshot=snapshot,
        page_builder=page_builder,
        probe=probe,
        event_consumer=event_consumer,
        server=HttpServer(settings.exporter_host, settings.exporter_port, routes, hosts, server_certificate(settings)),
        loops=(
            throttled_loop("reads", reads, snapshot.read),
            throttled_loop("probes", probes, probe.check),
            BackgroundLoop("events", listener.run, listener.stop),
            throttled_loop("builds", builds, page_builder.build),
        ),
        closers=(redis.close, database.dispose),
    )


def main() -> int:
    """Serve until SIGTERM or SIGINT; exit status 1 with one line if it cannot start."""
    stopped = StopEvent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        settings = read_settings()
        write_privately()
        configure_logs(settings.log_format, settings.log_level)
        warn_of_settings(unknown_settings())
        if not settings.metrics_token.get_secret_value() and not is_loopback(settings.exporter_host):
            log.warning("metrics_open", host=settings.exporter_host, remedy=f"set {PREFIX}METRICS_TOKEN")
        exporter = build_exporter(settings, revision=code_revision())
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"the exporter cannot start: {error}\n")
        return 1
    sys.setswitchinterval(SWITCH_SECONDS)
    limit_arenas(MALLOC_ARENAS)
    exporter.start()
    gc.freeze()  # what was imported stays: the garbage collector need not look at it again
    log.info("exporter_started", host=settings.exporter_host, port=exporter.server.port)
    stopped.wait()
    exporter.stop()
    log.info("exporter_stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
