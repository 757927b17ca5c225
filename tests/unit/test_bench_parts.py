"""The parts of `make bench` that need no server: statistics, the report, the HTTP framing, the command line."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.bench import __main__ as bench
from tools.bench import figures, report
from tools.bench.figures import Row, Section, at_least, at_most
from tools.bench.floors import bare_training
from tools.bench.http_client import answer_length, request_bytes
from tools.bench.stories import STORIES
from tools.bench.stories.base import Story


def section(story: str = "small", *rows: Row, commit: str = "abc1234") -> Section:
    """A section with these rows."""
    return Section(
        story=story,
        title=f"The title of {story}",
        how="It was measured so.",
        date="2026-11-29 03:00 UTC",
        commit=commit,
        conditions="2 cores",
        rows=rows,
    )


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([1.0], 0.99, 1.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 102)), 0.99, 100),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: Sequence[float], share: float, expected: float) -> None:
    assert figures.percentile(values, share) == expected


def test_figures_of_nothing_are_unknown_and_reach_no_target() -> None:
    for value in (
        figures.median([]),
        figures.percentile([], 0.5),
        figures.ratio([], [1.0]),
        figures.ratio([1.0], [0.0]),
    ):
        assert math.isnan(value)
        assert not at_most(1).is_met_by(value)
        assert not at_least(1).is_met_by(value)
    assert figures.number(math.nan) == "?"


def test_a_ratio_is_of_medians_and_a_paired_ratio_of_each_round() -> None:
    assert figures.ratio([2.0, 4.0, 100.0], [1.0, 2.0, 3.0]) == 2.0
    assert figures.paired_ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        figures.paired_ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (45, "45.0"), (1234.5, "1,234"), (1e6, "1,000,000")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert figures.number(value) == text


def test_few_values_are_all_shown_and_many_by_their_quartiles() -> None:
    assert figures.spread([1.0, 2.0], "ms") == "1.00 · 2.00 ms"
    assert figures.spread([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], "ms") == "2.00 to 6.00 ms, n = 8"


def test_the_report_says_what_is_reached_and_what_is_not() -> None:
    rows = Row("p50", 40, "ms", at_most(45)), Row("rate", 10, "/s", at_least(20)), Row("other", 3)
    text = report.render(section("small", *rows))
    assert "| p50 | 40.0 ms | <= 45.0 ms | yes |  |" in text
    assert "| rate | 10.0 /s | >= 20.0 /s | **no** |  |" in text
    assert "| other | 3.00 |  |  |  |" in text
    assert "commit abc1234" in text


def test_figures_of_an_earlier_commit_are_beside_those_of_the_same_name() -> None:
    now = section("small", Row("p50", 40, "ms"), Row("new", 1))
    text = report.render(now, section("small", Row("p50", 90, "ms"), commit="old"))
    assert "| before (old) |" in text
    assert "| p50 | 40.0 ms |  |  |  | 90.0 ms |" in text
    assert "| new | 1.00 |  |  |  |  |" in text


def test_a_partial_run_keeps_the_sections_of_the_other_stories() -> None:
    order = ["first", "second", "third"]
    page = report.replace_sections("", {name: report.render(section(name)) for name in ("third", "first")}, order)
    page = report.replace_sections(page, {"second": report.render(section("second"))}, order)
    changed = report.replace_sections(page, {"third": report.render(section("third", Row("p50", 7)))}, order)
    assert [changed.index(f"## The title of {name}") for name in order] == sorted(
        changed.index(f"## The title of {name}") for name in order
    )
    assert changed.count("# Performance") == 1
    assert changed.startswith(page[: page.index("<!-- story: third -->")])
    assert "| p50 | 7.00 |" in changed


def test_replacing_a_section_by_itself_changes_nothing() -> None:
    page = report.replace_sections("", {"small": report.render(section("small", Row("p50", 7)))}, ["small"])
    assert report.replace_sections(page, {}, ["small"]) == page


def test_sections_survive_json(tmp_path: Path) -> None:
    kept = section("small", Row("p50", 40, "ms", at_most(45), "spread"), Row("other", 1))
    path = tmp_path / "figures.json"
    path.write_text(json.dumps([kept.to_json()]), encoding="utf-8")
    assert bench.read_sections(path) == {"small": kept}
    assert bench.read_sections(tmp_path / "missing.json") == {}


def test_a_request_has_its_length_and_an_answer_ends_where_it_says() -> None:
    assert request_bytes("POST", "/jobs", b"{}").endswith(b"Content-Length: 2\r\n\r\n{}")
    head = b"HTTP/1.1 202 ACCEPTED\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
    assert answer_length(head) is None
    assert answer_length(head + b"\r\n12") == (len(head) + 2, len(head) + 7)
    with pytest.raises(ConnectionError, match="without Content-Length"):
        answer_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def fake_story(*rows: Row, error: Exception | None = None) -> Story:
    """A story that only returns its rows, or raises."""

    def measure(_: object) -> Sequence[Row]:
        if error is not None:
            raise error
        return rows

    return Story("fake", "A title", "So.", measure)


def test_every_story_that_could_be_measured_is_written_even_beside_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        bench, "STORIES", {"broken": fake_story(error=AssertionError("no server")), "fake": fake_story(Row("p50", 7))}
    )
    page, kept = tmp_path / "page.md", tmp_path / "figures.json"
    assert bench.main(["--report", str(page), "--json", str(kept)]) == 1
    assert "| p50 | 7.00 |" in page.read_text(encoding="utf-8")
    assert list(bench.read_sections(kept)) == ["fake"]
    assert "broken: FAILED: AssertionError: no server" in capsys.readouterr().err


def test_an_unknown_story_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.parse(["smal"])
    assert "no such story: smal; choose from small, drain" in capsys.readouterr().err


def test_a_small_model_is_trained_and_saved(tmp_path: Path) -> None:
    bare_training.write_small_data(tmp_path)
    assert bare_training.train_small(tmp_path, "one", 0.1) > 0.9
    assert (tmp_path / "models" / "one.txt").stat().st_size > 1_000


def test_each_story_is_named_as_its_key() -> None:
    assert {name: story.name for name, story in STORIES.items()} == {name: name for name in STORIES}
