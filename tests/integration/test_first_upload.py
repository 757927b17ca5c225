"""The first file of a user: a German CSV trains the model of the clean file, and the answer says how it was read."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.real_files import workbook

ROWS = 300


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str]) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        yield service


def rows() -> list[tuple[str, float, float, float]]:
    draw = random.Random(7)
    found = []
    for _ in range(ROWS):
        length, depth = round(draw.uniform(30, 60), 1), round(draw.uniform(13, 22), 2)
        found.append((draw.choice(["Adelie", "Gentoo"]), length, depth, round(40 * length + 90 * depth, 1) + 1_000))
    return found


def clean() -> str:
    lines = [f"{species},{length},{depth},{mass}" for species, length, depth, mass in rows()]
    return "\n".join(["species,length,depth,mass", *lines]) + "\n"


def german() -> str:
    def mark(value: float) -> str:
        return f"{value:,}".translate(str.maketrans(",.", ".,"))

    lines = [";".join((species, *map(mark, numbers))) for species, *numbers in rows()]
    return "\n".join(["species;length;depth;mass", *lines]) + "\n"


def trained(service: InProcessService, dataset: dict[str, Any], model_type: str) -> dict[str, Any]:
    """The model that a training makes."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": model_type,
        "dataset_id": dataset["id"],
        "target": {"column": "mass"},
    }
    answer = service.client.post(PREFIX + "/jobs", json=spec)
    assert answer.status_code == 202, answer.data
    service.work()
    job = service.get(f"/jobs/{answer.get_json()['id']}")
    assert job["status"] == "COMPLETED", job["error"]
    model: dict[str, Any] = service.get(f"/models/{job['result']['model_id']}")
    return model


@pytest.mark.parametrize("model_type", ["random_forest", "ridge"])
def test_a_german_file_trains_the_model_of_the_clean_one(service: InProcessService, model_type: str) -> None:
    plain = service.upload(clean().encode(), {"name": "clean"})
    foreign = service.upload(german().encode("windows-1252"), {"name": "german"})
    assert [column["kind"] for column in foreign["profile"]["columns"]] == ["category", "number", "number", "number"]
    assert foreign["profile"]["columns"] == plain["profile"]["columns"]
    first, second = (trained(service, dataset, model_type) for dataset in (plain, foreign))
    assert first["task"] == "regression"
    assert second["scores"] == first["scores"]
    assert second["artifact_sha256"] == first["artifact_sha256"]


def test_the_answer_says_how_the_file_was_read_and_what_is_odd(service: InProcessService) -> None:
    text = "Preis;Tag;id\n1.234,50 €;31.12.2012;1\n-;n/a;2\n99,00 €;01.02.2013;3\n"
    shown = service.upload(text.encode(), {"name": "shop", "time_column": "Tag"})
    parsing = shown["profile"]["parsing"]
    assert (parsing["format"], parsing["separator"], parsing["decimal"], parsing["thousands"]) == ("csv", ";", ",", ".")
    price, day = parsing["columns"]
    assert (price["currency"], price["values"], price["missing"]) == ("€", 2, {"-": 1})
    assert (day["date_format"], day["values"], day["missing"]) == ("day_first", 2, {"n/a": 1})
    assert shown["warnings"] == shown["profile"]["warnings"] == []
    odd = service.upload(b"n,c\n1.5,7\n2.5,7\nmany,7\n", {"name": "odd"})
    assert [(warning["code"], warning["pointer"]) for warning in odd["warnings"]] == [
        ("looks_numeric", "/profile/columns/0"),
        ("constant_column", "/profile/columns/1"),
    ]
    assert "'many' in row 4" in odd["warnings"][0]["detail"]


def test_the_options_are_in_the_spec_of_the_job_and_decide(service: InProcessService) -> None:
    shown = service.upload(b"a;b\n1.234;x\n", {"name": "said", "decimal": ",", "missing_values": "x"})
    spec = service.get(f"/jobs/{shown['job_id']}")["spec"]
    assert {name: value for name, value in spec["options"].items() if value is not None} == {
        "decimal": ",",
        "missing_values": ["x"],
    }
    assert service.get(f"/datasets/{shown['id']}/preview")["items"] == [{"a": 1234, "b": None}]


def test_a_wrong_option_is_refused_by_its_field(service: InProcessService) -> None:
    status, body = service.send_file(b"a,b\n1,2\n", {"name": "x", "decimal": ":", "sheet": "Data"})
    assert status == 422
    assert [error["pointer"] for error in body["errors"]] == ["/decimal"]
    status, body = service.send_file(b"a,b\n1,2\n", {"name": "x", "sheet": "Data"})
    assert (status, body["errors"][0]["pointer"]) == (422, "/sheet")
    assert service.get("/datasets")["items"] == []


def test_a_workbook_goes_through_the_service(service: InProcessService) -> None:
    data = workbook(["name", "n"], ["x", 1.5], ["y", 2])
    shown = service.upload(data, {"name": "book"}, filename="book.xlsx")
    assert (shown["status"], shown["file_format"], shown["profile"]["parsing"]["sheet"]) == ("READY", "xlsx", "Data")
    assert service.violations() == []
