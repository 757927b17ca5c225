"""A switch, hosts and cables, made of network namespaces: nothing of them is in the network of this machine."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PREFIX = "scale"
SWITCH = "switch"
CORE = "core"
SUBNET = "10.77.0"
MOST_HOSTS = 250


class NetworkError(Exception):
    """The kernel or the system refused; the message is its own."""


def why_not() -> str | None:
    """Why this machine cannot make network namespaces; None when it can."""
    if os.getuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "unshare", "mount") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (Debian: iproute2, util-linux)"
    probe = f"{PREFIX}-{os.getpid()}-probe"
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "exec", probe, "unshare", "--mount", "--uts", "true")
    except NetworkError as error:
        return f"this machine makes no network namespaces: {error}"
    finally:
        subprocess.run(["ip", "netns", "delete", probe], capture_output=True, check=False)
    return None


def run(*command: str) -> str:
    """The output of a command; raises NetworkError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@dataclass
class Network:
    """Hosts by name; `id` makes the names of the namespaces distinct from those of another run."""

    id: str
    addresses: dict[str, str] = field(default_factory=dict)
    _plugged: int = 0

    def namespace(self, host: str) -> str:
        """The name of a host's namespace."""
        return f"{PREFIX}-{self.id}-{host}"

    def inside(self, host: str) -> tuple[str, ...]:
        """What to write in front of a command that is to run on a host."""
        return ("ip", "netns", "exec", self.namespace(host))

    def start(self) -> None:
        """Make the switch."""
        run("ip", "netns", "add", self.namespace(SWITCH))
        self._on(SWITCH, "link", "add", "bridge", "type", "bridge")
        self._on(SWITCH, "link", "set", "bridge", "up")

    def add(self, host: str) -> str:
        """Make a host and plug its cable in; returns its address."""
        self._plugged += 1
        if self._plugged > MOST_HOSTS:
            raise NetworkError(f"no address is left after {MOST_HOSTS} hosts")
        address = f"{SUBNET}.{self._plugged}"
        run("ip", "netns", "add", self.namespace(host))
        cable = ("type", "veth", "peer", "name", "eth0", "netns", self.namespace(host))
        self._on(SWITCH, "link", "add", host, *cable)
        self._on(SWITCH, "link", "set", host, "master", "bridge", "up")
        self._on(host, "address", "add", f"{address}/24", "dev", "eth0")
        self._on(host, "link", "set", "eth0", "up")
        self._on(host, "link", "set", "lo", "up")
        self.addresses[host] = address
        return address

    def pull(self, host: str) -> None:
        """Pull the cable: the host keeps its address, and nothing leaves or reaches it. No side is told."""
        self._on(SWITCH, "link", "set", host, "down")

    def plug(self, host: str) -> None:
        """Plug the cable in again."""
        self._on(SWITCH, "link", "set", host, "up")

    def remove(self, host: str) -> None:
        """Take a host away, of which no process runs any more."""
        run("ip", "netns", "delete", self.namespace(host))
        self.addresses.pop(host, None)

    def processes(self, host: str) -> list[int]:
        """The processes that run on a host."""
        return [int(pid) for pid in run("ip", "netns", "pids", self.namespace(host)).split()]

    def end(self) -> None:
        """Take everything away, also what still runs: then whoever should have ended it was killed itself."""
        for name in _namespaces(f"{PREFIX}-{self.id}-"):
            for pid in run("ip", "netns", "pids", name).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def _on(self, host: str, *words: str) -> str:
        return run("ip", "-netns", self.namespace(host), *words)


def _namespaces(prefix: str) -> list[str]:
    lines = run("ip", "netns", "list").splitlines()
    return [name for line in lines if (name := line.split()[0]).startswith(prefix)]


@contextmanager
def running_network() -> Iterator[Network]:
    """A switch and the host CORE, gone afterwards."""
    network = Network(str(os.getpid()))
    try:
        network.start()
        network.add(CORE)
        yield network
    finally:
        network.end()
