"""The committed JSON equals what the code writes, byte for byte."""

from pathlib import Path

import pytest

from dashboards import build


def test_the_committed_dashboards_are_what_the_code_builds() -> None:
    assert build.drift() == ""


def test_building_twice_gives_the_same_bytes() -> None:
    for build_dashboard in build.DASHBOARDS.values():
        assert build.render(build_dashboard()) == build.render(build_dashboard())


def test_written_files_have_no_diff_and_an_edited_one_has(tmp_path: Path) -> None:
    build.write(tmp_path)
    assert build.drift(tmp_path) == ""
    name = next(iter(build.DASHBOARDS))
    edited = (tmp_path / name).read_text(encoding="utf-8").replace('"refresh": "10s"', '"refresh": "1h"')
    (tmp_path / name).write_text(edited, encoding="utf-8")
    assert '-  "refresh": "1h"' in build.drift(tmp_path)
    assert '+  "refresh": "10s"' in build.drift(tmp_path)


def test_a_missing_file_is_a_diff(tmp_path: Path) -> None:
    assert '+  "refresh": "10s"' in build.drift(tmp_path)


def test_check_exits_with_the_diff_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "drift", lambda: "-old\n+new\n")
    with pytest.raises(SystemExit) as ended:
        build.main(["--check"])
    assert "+new" in str(ended.value.code)
    assert "make dashboards" in str(ended.value.code)


def test_check_passes_when_no_file_differs() -> None:
    build.main(["--check"])
