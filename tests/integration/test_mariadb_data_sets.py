"""Data sets from a query on a real MariaDB: the same promises as on PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_training.domain.limits import Limits
from tests.support.mariadb import INSTALLED, PASSWORD, MariaDbServer, mariadb_server
from tests.support.warehouse import SourcedService, sources

IN_CI = os.environ.get("CI") == "true" and os.geteuid() == 0  # .ci/run installs it
NEEDED = "mariadbd is not installed: apt-get install mariadb-server"
pytestmark = [pytest.mark.exhaustive, pytest.mark.skipif(INSTALLED is None and not IN_CI, reason=NEEDED)]
# Columns of a table: the type, a value, its kind in the index, what the preview shows.
TYPES = {
    "a": ("tinyint", "-1", "integer", -1),
    "b": ("tinyint unsigned", "255", "integer", 255),
    "c": ("smallint unsigned", "65535", "integer", 65535),
    "d": ("mediumint", "-8388608", "integer", -8388608),
    "e": ("int unsigned", "4294967295", "integer", 4294967295),
    "f": ("bigint", "-9223372036854775808", "integer", -9223372036854775808),
    "g": ("bigint unsigned", "9223372036854775807", "integer", 9223372036854775807),
    "h": ("float", "0.1", "number", pytest.approx(0.1, rel=1e-7)),
    "i": ("double", "0.1", "number", 0.1),
    "j": ("decimal(10,2)", "12.50", "number", 12.5),
    "k": ("decimal(18,0)", "999999999999999999", "integer", 999999999999999999),
    "l": ("date", "'2026-01-31'", "time", None),
    "m": ("datetime(3)", "'2026-01-31 12:00:00.5'", "time", None),
    "n": ("timestamp(6) null", "'2026-01-31 12:00:00.123456'", "time", None),
    "o": ("varchar(20)", "'a\"b,\\n'", "category", 'a"b,\n'),
    "p": ("text", "'007'", "category", "007"),
    "q": ("enum('x','y')", "'y'", "category", "y"),
    "r": ("year", "2026", "integer", 2026),
    "s": ("boolean", "true", "integer", 1),
    "t": ("char(5)", "''", "category", ""),
    "u": ("uuid", "'4ca0a9c0-6a2e-4b0e-9a0e-0f2f4f6f8f00'", "category", "4ca0a9c0-6a2e-4b0e-9a0e-0f2f4f6f8f00"),
}
ATTACKS = [
    "SELECT 1; DROP TABLE t",
    "SELECT 1) AS q; DROP TABLE t; -- ",
    "SELECT 1) AS q INTO OUTFILE '/tmp/stolen' -- ",
    "SELECT * FROM t INTO OUTFILE '/tmp/stolen'",
    "DROP TABLE t",
    "INSERT INTO t (a) VALUES (1)",
    "SELECT write_a_row() AS n",
    "SELECT nextval(numbers) AS n",
    "SELECT 1 /* ",
    "SHOW TABLES",
    "SET @a = 1",
]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDbServer]:
    with mariadb_server() as server:
        columns = ", ".join(f"{name} {kind}" for name, (kind, *_) in TYPES.items())
        server.execute(
            f"CREATE TABLE t ({columns})",
            f"INSERT INTO t VALUES ({', '.join(value for _, value, *_ in TYPES.values())})",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION write_a_row() RETURNS INT BEGIN INSERT INTO t (a) VALUES (1); RETURN 1; END",
        )
        yield server


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str], mariadb: MariaDbServer) -> Iterator[SourcedService]:
    with SourcedService(tmp_path / "data", new_sqlite(), sources(warehouse=mariadb.url())) as service:
        yield service


def test_each_type_is_kept(service: SourcedService) -> None:
    found = service.query("SELECT * FROM t")
    assert found["status"] == "READY", found["reasons"]
    kinds = {column["name"]: column["kind"] for column in found["profile"]["columns"]}
    assert kinds == {name: kind for name, (_, _, kind, _) in TYPES.items()}
    [row] = service.get(f"/datasets/{found['id']}/preview")["items"]
    assert {name: row[name] for name in TYPES if TYPES[name][3] is not None} == {
        name: shown for name, (_, _, _, shown) in TYPES.items() if shown is not None
    }
    assert str(row["n"]).startswith("2026-01-31T12:00:00.123456")
    nulls = service.query("SELECT t.* FROM seq_1_to_2 LEFT JOIN t ON seq = 1")
    assert {column["nulls"] for column in nulls["profile"]["columns"]} == {1}


def test_what_is_not_read_is_refused_at_once_with_what_to_write(service: SourcedService) -> None:
    reasons = service.reasons("SELECT time '10:00' AS a, x'00ff' AS b, point(1, 2) AS c, 1 AS d").splitlines()
    assert [reason[0] for reason in reasons] == ["a", "b", "c"]
    assert "TIME_TO_SEC(`a`)" in reasons[0]
    assert "HEX(`b`)" in reasons[1]
    assert "ST_AsText(`c`)" in reasons[2]
    assert "2**53 or more" in service.reasons("SELECT sum(9007199254740993) AS s")
    assert "0000-00-00" in service.reasons("SELECT cast('0000-00-00' AS date) AS d")


def test_equal_rows_give_equal_bytes_in_whatever_order_they_are_stored(
    service: SourcedService, mariadb: MariaDbServer
) -> None:
    """Texts that a collation calls equal, or that differ behind the bytes that it compares, have an order too."""
    hashes = set()
    for order in ("n", "n DESC", "rand(1)", "rand(2)"):
        mariadb.execute(
            "DROP TABLE IF EXISTS shuffled",
            f"""CREATE TABLE shuffled AS SELECT * FROM (SELECT elt(seq % 5 + 1, 'b', 'B', 'b ', 'ä', NULL) AS a,
            concat(repeat('x', 2000), seq % 9) AS b, elt(seq % 2 + 1, 0e0, -0e0) + 0e0 AS c, seq AS n
            FROM seq_1_to_300) AS q ORDER BY {order}""",
        )
        found = service.query("SELECT a, b, c FROM shuffled")
        assert found["status"] == "READY", found["reasons"]
        hashes.add(found["sha256"])
    assert len(hashes) == 1


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_itself_refuses_everything_but_reading(
    service: SourcedService, mariadb: MariaDbServer, attack: str
) -> None:
    assert service.reasons(attack)
    assert mariadb.execute("SELECT count(*) FROM t") == ((1,),) or mariadb.execute("SELECT count(*) FROM t") == [(1,)]
    assert not Path("/tmp/stolen").exists()


def test_limits_and_secrets(tmp_path: Path, new_sqlite: Callable[[], str], mariadb: MariaDbServer) -> None:
    small = Limits(cells=4_000, upload_bytes=40_000, query_seconds=2)
    with SourcedService(tmp_path / "data", new_sqlite(), sources(warehouse=mariadb.url()), small) as service:
        assert "more than 4,000 rows" in service.reasons("SELECT seq FROM seq_1_to_5000")
        assert "larger than 40,000 bytes" in service.reasons("SELECT repeat('x', 1000) AS t FROM seq_1_to_100")
        assert "more than 2 seconds" in service.reasons("SELECT sleep(600) AS s")
        said = service.reasons("SELECT * FROM mysql.nothing")
        assert "doesn't exist" in said
    wrong = mariadb.url(password="not-the-password")
    with SourcedService(tmp_path / "other", new_sqlite(), sources(warehouse=wrong)) as service:
        said = service.reasons("SELECT 1 AS a")
        assert "refuses the account" in said
        assert not {"root", "127.0.0.1", "not-the-password", PASSWORD} & set(said.split())
