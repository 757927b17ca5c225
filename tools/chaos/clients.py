"""Clients of one project, as they should be: each asks with an Idempotency-Key until it has its 202; some cancel, one
watches, and looks whether a job of another project can be seen."""

import random
import threading
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from tools.chaos.history import History

LATER = (429, 503)
LIVING = ("PENDING", "RUNNING")
BACKLOG = 40  # jobs that wait; more would only make the end longer
Specs = Mapping[str, dict[str, Any]]


class Load(NamedTuple):
    """What is asked for, by name: jobs of seconds, and jobs of a moment."""

    long: Specs
    small: Specs


class Pace(NamedTuple):
    """How fast two clients submit."""

    pause: tuple[float, float]  # seconds after each job
    long_share: float  # of the jobs; the small ones make the number, the long ones are there to be hurt while they run


BUSY = Pace((0.02, 0.3), 0.05)


class Clients:
    """Threads that submit, cancel and watch until stopped."""

    def __init__(
        self,
        url: str,
        history: History,
        load: Load,
        *,
        seed: int,
        key: str = "",
        pace: Pace = BUSY,
        cancels: bool = True,
        priorities: tuple[int, int] = (1, 10),
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._history = history
        self._load = load
        self._pace = pace
        self._priorities = priorities  # the lowest and the highest number
        self._stop = threading.Event()
        self._living: dict[int, str] = {}  # job id -> last state seen
        chance = random.Random(seed)
        work = (self._submit, self._submit, *([self._cancel] if cancels else []), self._watch)
        self._threads = [
            threading.Thread(target=run, args=(random.Random(chance.random()),), name=run.__name__, daemon=True)
            for run in work
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new jobs; whoever waits for a 202 goes on until it has it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads), "a client still waits for its 202"

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=15, trust_env=False)

    def _submit(self, chance: random.Random) -> None:
        while not self._stop.is_set():
            waiting = sum(status in LIVING for status in dict(self._living).values())
            if waiting < BACKLOG:
                self._submit_until_accepted(chance)
            self._stop.wait(chance.uniform(*self._pace.pause))

    def _submit_until_accepted(self, chance: random.Random) -> None:
        specs = self._load.long if chance.random() < self._pace.long_share else self._load.small
        name = chance.choice(list(specs))
        token = uuid.uuid4().hex
        spec = {**specs[name], "priority": chance.randint(*self._priorities)}
        if spec["job_type"] == "TRAIN":
            spec["model_name"] = f"m-{token}"
        self._history.wants(token)
        before: int | None = None
        asks = 2 if chance.random() < 0.3 else 1  # some do not trust the first answer
        pause = threading.Event()
        while asks:
            answer = self._post("/jobs", json=spec, headers={"Idempotency-Key": token})
            if answer is not None and answer.status_code == 202:
                job_id = int(answer.json()["id"])
                self._history.accept(job_id, name, before=before, owner=self)
                self._living.setdefault(job_id, "PENDING")
                before, asks = job_id, asks - 1
            else:
                pause.wait(chance.uniform(0.2, 1.0))

    def _cancel(self, chance: random.Random) -> None:
        while not self._stop.wait(chance.uniform(2.0, 6.0)):
            living = dict(self._living)
            running = [job_id for job_id, status in living.items() if status == "RUNNING"]
            pending = [job_id for job_id, status in living.items() if status == "PENDING"]
            wanted = running if running and chance.random() < 0.8 else pending
            if wanted:
                self._cancel_one(chance.choice(wanted))

    def _cancel_one(self, job_id: int) -> None:
        self._history.ask_cancel(job_id)
        answer = self._post(f"/jobs/{job_id}/cancel")
        if answer is not None and answer.status_code == 202:
            self._history.cancel(job_id, was_running=answer.json()["status"] == "RUNNING")

    def _watch(self, chance: random.Random) -> None:
        while not self._stop.wait(0.4):
            for item in self.look():
                self._living[item["id"]] = item["status"]
                if item["id"] in self._history.of_others(self):
                    self._history.surprise("GET /jobs shows a job of another project")
            foreign = self._history.of_others(self)
            if foreign:
                self._look_at_foreign(chance.choice(foreign))

    def _look_at_foreign(self, job_id: int) -> None:
        try:
            with self._client() as client:
                status = client.get(f"/jobs/{job_id}").status_code
        except httpx.TransportError:
            return
        if status == 404:
            self._history.hide()
        elif status not in LATER:
            self._history.surprise(f"GET of a job of another project: {status}")

    def look(self) -> list[dict[str, Any]]:
        """The jobs down to the oldest that lived, newest first, as the API shows them; nothing while it is away."""
        oldest = min((job_id for job_id, status in dict(self._living).items() if status in LIVING), default=None)
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._page(cursor)
            if page is None:
                return []
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or oldest is None or found[-1]["id"] <= oldest:
                break
        for item in found:
            self._history.saw(item["id"], item["status"])
        return found

    def _page(self, cursor: str | None) -> dict[str, Any] | None:
        try:
            with self._client() as client:
                answer = client.get("/jobs", params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        except httpx.TransportError:
            return None
        if answer.status_code != 200:
            if answer.status_code not in LATER:
                self._history.surprise(f"GET /jobs: {answer.status_code}")
            return None
        page: dict[str, Any] = answer.json()
        return page

    def _post(self, path: str, **more: Any) -> httpx.Response | None:
        """None when there was no answer: then nobody knows whether it was done."""
        try:
            with self._client() as client:
                answer = client.post(path, **more)
        except httpx.TransportError:
            return None
        if answer.status_code in LATER:
            self._history.refuse(answer.status_code)
        elif answer.status_code != 202 and not (answer.status_code == 409 and path.endswith("/cancel")):
            self._history.surprise(f"POST {path.rsplit('/', 1)[-1]}: {answer.status_code} {answer.text[:200]}")
        return answer
