"""Claims on PostgreSQL: 16 claimers and 100,000 waiting jobs, against psycopg2 with bare statements."""

from collections.abc import Sequence
from contextlib import ExitStack

from tools.bench.figures import Row, at_least, median, paired_ratios, percentile, spread
from tools.bench.probing import run_probe
from tools.bench.service import running_service, sample_dataset
from tools.bench.stories.base import Run, Story, database_settings

CLAIMERS = 16
FLOORS = {"bare": "one bare statement", "bare-three": "three bare statements"}


def measure(run: Run) -> Sequence[Row]:
    """All claim from the same table in turn."""
    seconds, pending = run.size(3.0, 1.0), run.size(100_000, 20_000)
    rates: dict[str, list[float]] = {how: [] for how in ("service", *FLOORS)}
    took: list[float] = []
    with ExitStack() as stack:
        settings = stack.enter_context(database_settings("postgresql"))
        with running_service(run.checkout, run.directory / "service", **settings) as service:  # migrates the database
            sample_dataset(service.connect())
        run_probe(run.checkout, "fill", settings["database_url"], 0, pending)
        with run.timing():
            for _ in range(run.size(5, 2)):
                for how, kept in rates.items():
                    answer = run_probe(run.checkout, "claims", settings["database_url"], how, CLAIMERS, seconds)
                    kept.append(answer["rate"])
                    took += answer["ms"] if how == "service" else []
    ratios = {how: paired_ratios(rates["service"], rates[how]) for how in FLOORS}
    return [
        Row(
            "claims/s / one bare statement", median(ratios["bare"]), target=at_least(0.7), spread=spread(ratios["bare"])
        ),
        Row("claims/s / three bare statements", median(ratios["bare-three"]), spread=spread(ratios["bare-three"])),
        Row("claims/s", median(rates["service"]), "/s", spread=spread(rates["service"])),
        Row("claim p50", median(took), "ms"),
        Row("claim p99", percentile(took, 0.99), "ms"),
        *(
            Row(f"claims/s, {words}", median(rates[how]), "/s", spread=spread(rates[how]))
            for how, words in FLOORS.items()
        ),
    ]


STORY = Story(
    "claims",
    "Claims by 16 claimers",
    "PostgreSQL with fsync, 100,000 waiting jobs, 16 processes with a connection each, in turn on the same table. "
    "Floors: psycopg2 with one statement that commits itself, and with the three statements look, clock and take.",
    measure,
)
