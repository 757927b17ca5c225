"""The exporter's process: `python -m exporter` reads the settings, builds the parts, serves until SIGTERM."""

import contextlib
import ctypes
import gc
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import ml_training
from exporter.broker import BrokerProbe, open_redis
from exporter.celery_events import EventLog
from exporter.collectors import queue
from exporter.collectors import storage as stored
from exporter.collectors.api import Api
from exporter.collectors.base import Collector, Observer
from exporter.collectors.broker import broker
from exporter.collectors.build import build
from exporter.collectors.events import events
from exporter.collectors.jobs import LIFETIME_SECONDS, Jobs
from exporter.collectors.ledger import Ledger
from exporter.collectors.models import Models
from exporter.collectors.own_process import own_process
from exporter.collectors.processes import Processes
from exporter.event_listener import Listener
from exporter.http_server import Server
from exporter.live_progress import LiveProgress
from exporter.page_builder import Painter
from exporter.routes import make_routes
from exporter.snapshot import Snapshots
from exporter.throttle import Pace
from ml_training.db.engine import open_database
from ml_training.logs import configure_logs, get_logger
from ml_training.revision import code_revision
from ml_training.settings import Settings, SettingsError, read_settings

log = get_logger(__name__)
# Together less than 30 % of a core, however many events ask for news.
READ_SHARE = 0.2
PAINT_SHARE = 0.1
COUNT_SHARE = 0.003  # counting what is stored costs more the more there is
PAINT_SECONDS = 1.25  # a read asks for a page of its own, so this is only for when reads hang
PROBE_SECONDS = 1.0
AWAY_SECONDS = 0.3  # how often who does not answer is asked
CONNECT_SECONDS = 2.0
FIRST_READ_SECONDS = 2.5
JOIN_SECONDS = 3.0
POLL_SECONDS = 0.25
M_ARENA_MAX = -8  # of malloc.h
SWITCH_SECONDS = 0.0005  # a scrape waits for the interpreter lock at most so long while a page is being made


class Loop(NamedTuple):
    """A background thread: what it runs, and how it is told to end."""

    name: str
    run: Callable[[], None]
    stop: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """The parts, wired; `start` once, `stop` once."""

    snapshots: Snapshots
    painter: Painter
    probe: BrokerProbe
    event_log: EventLog
    server: Server
    loops: tuple[Loop, ...]
    closers: tuple[Callable[[], None], ...]
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start every loop, and the server last, so that the first page that it serves is a right one."""
        for loop in self.loops:
            self._run(loop.name, loop.run)
        self.snapshots.attempted.wait(FIRST_READ_SECONDS)
        self.painter.paint()
        self._run("server", lambda: self.server.serve_forever(poll_interval=POLL_SECONDS))

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

    def _run(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)


def build_exporter(settings: Settings, *, revision: str) -> Exporter:
    """All parts, wired; the port is bound, nothing else is opened. Raises OSError if the port cannot be had."""
    database = open_database(settings.database, pool_size=1, timeout=CONNECT_SECONDS)
    redis = open_redis(settings.broker)
    reads = Pace(lambda: settings.snapshot_seconds if snapshots.connected else AWAY_SECONDS, share=READ_SHARE)
    paints = Pace(lambda: PAINT_SECONDS, share=PAINT_SHARE)
    probes = Pace(lambda: PROBE_SECONDS if probe.connected else AWAY_SECONDS, share=READ_SHARE)

    live = LiveProgress()
    jobs, processes, api = Jobs(live), Processes(), Api()
    collectors = (
        Collector("processes", processes.ask),
        Collector("ledger", Ledger().ask),
        Collector("queue", queue.ask),
        Collector("jobs", jobs.ask, LIFETIME_SECONDS),
        Collector("models", Models().ask),
        Collector("stored", stored.ask, share=COUNT_SHARE),
        Collector("api", api.ask),
    )
    snapshots = Snapshots(database, collectors, on_read=paints.ask)
    event_log = EventLog(live, on_news=reads.ask, on_progress=paints.ask)
    listener = Listener(redis, take=event_log.take, on_subscribed=reads.ask)
    probe = BrokerProbe(redis, on_change=paints.ask)
    observers = (
        Observer("build", build(ml_training.__version__, revision)),
        Observer("broker", broker(probe)),
        Observer("events", events(event_log, listener)),
        Observer("own_process", own_process()),
    )
    painter = Painter(snapshots, observers, dropped=lambda: jobs.dropped + processes.dropped + api.dropped)
    return Exporter(
        snapshots=snapshots,
        painter=painter,
        probe=probe,
        event_log=event_log,
        server=Server(settings.exporter_host, settings.exporter_port, make_routes(snapshots, painter, probe)),
        loops=(
            Loop("reads", paced(reads, snapshots.read), reads.stop),
            Loop("probes", paced(probes, probe.look), probes.stop),
            Loop("events", listener.run, listener.stop),
            Loop("paints", paced(paints, painter.paint), paints.stop),
        ),
        closers=(redis.close, database.dispose),
    )


def paced(pace: Pace, work: Callable[[], None]) -> Callable[[], None]:
    """A thread's body: work at every turn of `pace`."""

    def run() -> None:
        for _ in pace.turns():
            try:
                work()
            except Exception:  # the thread's edge: a loop that died would leave a page that looks alive
                log.exception("loop_failed", work=getattr(work, "__qualname__", repr(work)))

    return run


def share_one_heap() -> None:
    """Let all threads allocate from one heap: glibc's heap a thread costs 7 MB here, a tenth of the process."""
    with contextlib.suppress(OSError, AttributeError):  # another C library has other ways
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def main() -> int:
    """Serve until SIGTERM or SIGINT; exit status 1 with one line if it cannot start."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        settings = read_settings()
        configure_logs(settings.log_format, settings.log_level)
        exporter = build_exporter(settings, revision=code_revision())
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"the exporter cannot start: {error}\n")
        return 1
    sys.setswitchinterval(SWITCH_SECONDS)
    share_one_heap()
    exporter.start()
    gc.freeze()  # what was imported stays: the collector need not look at it again
    log.info("exporter_started", host=settings.exporter_host, port=exporter.server.port)
    stopped.wait()
    exporter.stop()
    log.info("exporter_stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
