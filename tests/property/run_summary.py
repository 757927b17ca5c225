"""The numbers that a test was about at the end of a run, wherever in it the test ran."""

from typing import Any

NUMBERS = "property_numbers"


def print_numbers(terminalreporter: Any) -> None:
    """One line for each run of the test; nothing when it did not run."""
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, value in getattr(report, "user_properties", ()):
            if name == NUMBERS and report.when == "call":
                terminalreporter.write_line(str(value))
