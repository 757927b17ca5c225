"""The exporter's process: `python -m exporter` reads the settings, builds the parts, serves until SIGTERM."""

from exporter.broker import BrokerProbe
from exporter.listener import Listener
from exporter.pace import Pace
from exporter.painter import Painter
from exporter.server import Server
from exporter.snapshot import Snapshots
from ml_training.db.engine import Database
from ml_training.logs import get_logger

log = get_logger(__name__)
# Together less than 30 % of a core, however many events ask for news.
READ_SHARE = 0.2
PAINT_SHARE = 0.1
PAINT_SECONDS = 0.5
PROBE_SECONDS = 1.0
CONNECT_SECONDS = 2.0
FIRST_READ_SECONDS = 2.5
JOIN_SECONDS = 3.0
SWITCH_SECONDS = 0.0005  # a scrape waits for the interpreter lock at most so long while a page is being made


class Exporter:
    """The running parts; `start` once, `stop` once."""

    def __init__(
        self,
        *,
        database: Database,
        snapshots: Snapshots,
        painter: Painter,
        probe: BrokerProbe,
        listener: Listener,
        server: Server,
        reads: Pace,
        paints: Pace,
        snapshot_seconds: float,
    ) -> None:
        self.server = server
