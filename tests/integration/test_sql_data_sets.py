"""Data sets from a query on a real PostgreSQL: types, order, limits, and what a query must not do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ml_training.domain.limits import Limits
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from ml_training.sources.sources import Sources
from tests.support.in_process_service import PREFIX
from tests.support.postgres import PostgresServer
from tests.support.warehouse import USER, SourcedService, Warehouse, limited_to, sources, warehouse_of
from tests.support.wiring import SLOW, make_worker_context

SMALL = Limits(cells=4_000, upload_bytes=40_000, query_seconds=3, query_characters=500)
# A value of each type that is read: the literal, its column in the file, its column in the index.
TYPES = {
    "true": ("bool", "boolean"),
    "1::smallint": ("int16", "integer"),
    "2147483647::integer": ("int32", "integer"),
    "9223372036854775807::bigint": ("int64", "integer"),
    "0.1::real": ("float", "number"),
    "0.1::double precision": ("double", "number"),
    "'NaN'::double precision": ("double", "number"),
    "999999999999999999::numeric(18,0)": ("int64", "integer"),
    "12.50::numeric(10,2)": ("double", "number"),
    "sum(3::bigint)": ("double", "number"),
    "date '2026-01-31'": ("date32[day]", "time"),
    "timestamp '2026-01-31 12:00:00.123456'": ("timestamp[us]", "time"),
    "timestamptz '2026-01-31 12:00:00+02'": ("timestamp[us, tz=UTC]", "time"),
    "text '007'": ("string", "category"),
    "varchar(9) 'a,\"b\"'": ("string", "category"),
    "char(5) 'ab'": ("string", "category"),
    "'4ca0a9c0-6a2e-4b0e-9a0e-0f2f4f6f8f00'::uuid": ("string", "category"),
    "'gold'::plan": ("string", "category"),
    "''::text": ("string", "category"),
}
VALUES = {
    3: 9223372036854775807,
    7: 999999999999999999,
    8: 12.5,
    12: "2026-01-31T10:00:00Z",
    13: "007",
    14: 'a,"b"',
    15: "ab",
    17: "gold",
    18: "",
}
NOT_READ = {
    "a": ("array[1,2]", '"a"[1]'),
    "b": ("'{\"key\": 1}'::json", "\"b\" ->> 'key'"),
    "c": ("'{\"key\": 1}'::jsonb", '"c"::text'),
    "d": ("'\\xff00'::bytea", "encode(\"d\", 'hex')"),
    "e": ("time '10:00'", 'extract(epoch from "e")::float8'),
    "f": ("interval '1 day'", 'extract(epoch from "f")::float8'),
    "g": ("5::money", '"g"::numeric'),
    "h": ("'10.0.0.1'::inet", '"h"::text'),
    "i": ("point(1,2)", '"i"[0]'),
    "j": ("b'101'", '"j"::text'),
    "k": ("5::oid", '"k"::bigint'),
}
ATTACKS = [
    "SELECT 1; DROP TABLE customers",
    "SELECT 1; COMMIT; DROP TABLE customers",
    "SELECT 1) AS q; DROP TABLE customers; --",
    "SELECT 1) AS q) TO '/tmp/stolen' --",
    "SELECT 1) AS q) TO PROGRAM 'touch /tmp/stolen' --",
    "COPY customers TO PROGRAM 'touch /tmp/stolen'",
    "DROP TABLE customers",
    "INSERT INTO customers VALUES (99, 'x', 1)",
    "WITH gone AS (DELETE FROM customers RETURNING *) SELECT * FROM gone",
    "SELECT * FROM customers FOR UPDATE",
    "SELECT nextval('numbers')",
    "SELECT set_config('transaction_read_only', 'off', false) AS s, nextval('numbers') AS n",
    "SELECT write_a_row()",
    "SELECT unlock_and_write() AS n",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM secrets",
    "SET ROLE postgres",
    "BEGIN",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1 /* ",
    "SELECT 'open",
    "DO $$ BEGIN PERFORM 1; END $$",
    "SELECT 1 INTO TABLE copied",
]


@pytest.fixture(scope="module")
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    """With a table of customers, and traps."""
    with warehouse_of(postgres) as found:
        found.execute(
            "CREATE TYPE plan AS ENUM ('silver', 'gold')",
            "CREATE TABLE customers (id bigint, plan text, amount double precision)",
            "INSERT INTO customers SELECT n, (array['b', 'B', 'ä'])[n % 4 + 1], n % 5 FROM generate_series(1, 200) n",
            "CREATE SEQUENCE numbers",
            f"GRANT ALL ON SEQUENCE numbers TO {USER}",
            f"GRANT INSERT, DELETE, UPDATE ON customers TO {USER}",  # the transaction alone must stop it
            "CREATE FUNCTION write_a_row() RETURNS integer LANGUAGE sql AS "
            "'INSERT INTO customers VALUES (99, NULL, 1); SELECT 1'",
            "CREATE FUNCTION unlock_and_write() RETURNS integer LANGUAGE plpgsql AS "
            "$$ BEGIN SET TRANSACTION READ WRITE; INSERT INTO customers VALUES (99, NULL, 1); RETURN 1; END $$",
            "CREATE TABLE secrets (x integer)",
            f"REVOKE ALL ON secrets FROM {USER}",
        )
        yield found


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str], warehouse: Warehouse) -> Iterator[SourcedService]:
    with SourcedService(tmp_path / "data", new_sqlite(), sources(warehouse=warehouse.url)) as service:
        yield service


@pytest.fixture
def limited(tmp_path: Path, new_sqlite: Callable[[], str], warehouse: Warehouse) -> Iterator[SourcedService]:
    found = sources(warehouse=warehouse.url)
    with SourcedService(tmp_path / "data", new_sqlite(), found, SMALL) as service:
        yield service


def raw_schema(service: SourcedService, dataset: dict[str, Any]) -> list[str]:
    """The types of the columns in the stored file."""
    storage = service.resources.storage
    with storage.local(f"uploads/{dataset['sha256'][:2]}/{dataset['sha256']}") as path:
        return [str(field.type) for field in pq.read_schema(path)]


def test_each_type_is_kept(service: SourcedService) -> None:
    columns = ", ".join(f"{literal} AS c{number}" for number, literal in enumerate(TYPES))
    found = service.query(f"SELECT t.* FROM generate_series(1, 2) AS n LEFT JOIN (SELECT {columns}) AS t ON n = 1")
    assert found["status"] == "READY", found["reasons"]
    assert raw_schema(service, found) == [column for column, _ in TYPES.values()]
    assert len(found["profile"]["columns"]) == len(TYPES)
    nulls = [column["nulls"] for column in found["profile"]["columns"]]
    assert nulls == [2 if "NaN" in literal else 1 for literal in TYPES]
    alone = service.query(f"SELECT {columns}")
    kinds = [column["kind"] for column in alone["profile"]["columns"]]
    assert kinds == [kind for _, kind in TYPES.values()]
    [row] = service.get(f"/datasets/{alone['id']}/preview")["items"]
    values = list(row.values())
    assert {number: values[number] for number in VALUES if number != 12} == {n: v for n, v in VALUES.items() if n != 12}
    assert str(values[12]).startswith("2026-01-31T10:00:00")


def test_what_is_not_read_is_refused_at_once_with_what_to_write(service: SourcedService) -> None:
    inner = ", ".join(f"{literal} AS {name}" for name, (literal, _) in NOT_READ.items())
    reasons = service.reasons(f"SELECT {inner}").splitlines()
    assert len(reasons) == len(NOT_READ)
    for reason, (name, (_, remedy)) in zip(reasons, NOT_READ.items(), strict=True):
        assert reason.startswith(f"{name}: the type "), reason
        assert remedy in reason, reason
    casts = ", ".join(f"{remedy} AS {name}" for name, (_, remedy) in NOT_READ.items())
    assert service.query(f"SELECT {casts} FROM (SELECT {inner}) AS q")["status"] == "READY"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 'infinity'::timestamp AS t", "t: the value 'infinity' cannot be read as time"),
        ("SELECT 'NaN'::numeric AS n, sum(9223372036854775807) AS s", "s: a number is 2**53 or more"),
        ("SELECT 1 AS a, 2 AS a", "a: two columns of the query have this name"),
        ('SELECT 1 AS ""', "zero-length delimited identifier"),
        ("SELECT", "the query has no columns"),
        ("SELECT 1 AS a WHERE false", "the query has no rows"),
        ("SELECT $1::int AS a", "a parameter such as $1"),
        ("SELECT nothing FROM customers", 'column "nothing" does not exist'),
        ("SELECT 1/0 AS a", "division by zero"),
    ],
)
def test_what_cannot_be_a_data_set_is_refused(service: SourcedService, query: str, reason: str) -> None:
    assert reason in service.reasons(query)


def test_equal_rows_give_equal_bytes_in_whatever_order_they_are_stored(
    service: SourcedService, warehouse: Warehouse
) -> None:
    warehouse.execute(
        "DROP TABLE IF EXISTS shuffled",
        """CREATE TABLE shuffled AS SELECT (array[1, 2, NULL])[n % 3 + 1] AS a,
        (array['b', 'B', '', 'ä', NULL])[n % 5 + 1] AS b,
        (array['0', '-0', 'NaN', 'Infinity'])[n % 4 + 1]::double precision AS c, n % 2 = 0 AS d
        FROM generate_series(1, 400) AS n""",
    )
    hashes = set()
    for order in ("a, b, c", "c DESC, a", "random()", "random()"):
        warehouse.execute(
            f"CREATE TABLE again AS SELECT * FROM shuffled ORDER BY {order}",
            "DROP TABLE shuffled",
            "ALTER TABLE again RENAME TO shuffled",
        )
        for query in ("SELECT * FROM shuffled", "SELECT * FROM shuffled ORDER BY random(); "):
            found = service.query(query)
            assert found["status"] == "READY", found["reasons"]
            hashes.add((found["sha256"], found["rows"]))
    assert len(hashes) == 1
    assert next(iter(hashes))[1] == 400


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_itself_refuses_everything_but_reading(
    service: SourcedService, warehouse: Warehouse, attack: str
) -> None:
    before = warehouse.execute("SELECT count(*), sum(id) FROM customers")
    assert service.reasons(attack)
    assert warehouse.execute("SELECT count(*), sum(id) FROM customers") == before
    assert warehouse.execute("SELECT is_called FROM numbers") == [(False,)]
    assert warehouse.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'copied'") == [(0,)]
    assert not Path("/tmp/stolen").exists()
    assert service.violations() == [] or all("sweeper" in line for line in service.violations())


def test_a_query_is_whole_before_it_is_put_into_a_statement(service: SourcedService) -> None:
    """This one is no query by itself, and would be one in the brackets of the larger statement."""
    assert "syntax error" in service.reasons("SELECT 1 AS a) AS r, (SELECT 2 AS b")


def test_a_comment_a_semicolon_and_values_are_fine(service: SourcedService) -> None:
    for query in (
        "SELECT 1 AS a -- one",
        "VALUES (1), (2);\n",
        "WITH q AS (SELECT 1 AS a) TABLE q",
        "/* a */ SELECT 1",
    ):
        assert service.query(query)["status"] == "READY"


def test_the_limits_are_those_of_an_upload_and_the_query_ends_at_the_server(
    limited: SourcedService, warehouse: Warehouse
) -> None:
    assert "more than 4,000 rows" in limited.reasons("SELECT generate_series(1, 100000000) AS n")
    assert "larger than 40,000 bytes" in limited.reasons("SELECT repeat('x', 1000) t FROM generate_series(1, 100)")
    assert "more than 3 seconds" in limited.reasons("SELECT pg_sleep(600)::text AS t")
    answer = limited.client.post(
        f"{PREFIX}/datasets", json={"name": "d", "connection": "warehouse", "query": "SELECT 1" + " " * 500}
    )
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"pointer": "/query", "detail": "must be at most 500 characters: make a view of it"}
    ]
    assert warehouse.running() == []


def test_everything_that_is_wrong_with_a_request_is_said_at_once(service: SourcedService) -> None:
    body = {"name": "no name", "connection": "nix", "query": "x\0", "sheet": "s", "odd": 1}
    answer = service.client.post(f"{PREFIX}/datasets", json=body)
    assert answer.status_code == 400  # NUL is refused by the reader of JSON
    answer = service.client.post(f"{PREFIX}/datasets", json={**body, "query": "SELECT 1"})
    assert {error["pointer"] for error in answer.json["errors"]} == {"/name", "/odd"}
    del body["odd"]
    answer = service.client.post(f"{PREFIX}/datasets", json={**body, "name": "d", "query": "SELECT 1"})
    assert [error["pointer"] for error in answer.json["errors"]] == ["/connection", "/sheet"]
    assert "known are warehouse" in answer.json["errors"][0]["detail"]
    answer = service.client.post(f"{PREFIX}/datasets", json={"name": "d", "connection": "warehouse"})
    assert [error["pointer"] for error in answer.json["errors"]] == ["/query"]
    assert service.get("/datasets")["items"] == []


def test_a_connection_may_be_for_some_projects_only(
    tmp_path: Path, new_sqlite: Callable[[], str], warehouse: Warehouse
) -> None:
    found = limited_to(sources(warehouse=warehouse.url), "churn")
    with SourcedService(tmp_path / "data", new_sqlite(), found) as service:
        assert service.get("/connections")["items"] == []
        made = service.client.post(f"{PREFIX}/projects", json={"name": "churn"})
        theirs = service.client_of(made.json["id"])
        assert theirs.get(f"{PREFIX}/connections").json["items"] == [{"name": "warehouse", "kind": "postgresql"}]
        body = {"name": "d", "connection": "warehouse", "query": "SELECT 1 AS a"}
        refused, accepted = (
            service.client.post(f"{PREFIX}/datasets", json=body),
            theirs.post(f"{PREFIX}/datasets", json=body),
        )
        assert (refused.status_code, accepted.status_code) == (422, 201)
        assert "none is configured for this project" in refused.json["errors"][0]["detail"]
        service.work()
        assert theirs.get(f"{PREFIX}/datasets/{accepted.json['id']}").json["status"] == "READY"


def test_a_worker_decides_by_its_own_settings_what_a_project_may_read(
    tmp_path: Path, new_sqlite: Callable[[], str], warehouse: Warehouse
) -> None:
    """They may have changed since the API accepted the job."""
    open_to_all = sources(warehouse=warehouse.url)
    with SourcedService(tmp_path / "data", new_sqlite(), open_to_all) as service:
        body = {"name": "d", "connection": "warehouse", "query": "SELECT 1 AS a"}
        accepted = service.client.post(f"{PREFIX}/datasets", json=body)
        assert accepted.status_code == 201
        database, storage = service.resources.database, service.resources.storage
        limited = Sources(limited_to(open_to_all, "churn"))
        assert run_next(make_worker_context(database, storage, HANDLERS, times=SLOW, sources=limited))
        found = service.get(f"/datasets/{accepted.json['id']}")
        assert found["status"] == "REJECTED"
        assert "no connection warehouse for this project" in found["reasons"][0]["detail"]


def test_the_quota_of_stored_bytes_holds_for_what_came(service: SourcedService) -> None:
    assert service.query("SELECT n FROM generate_series(1, 9) n")["status"] == "READY"
    with service.resources.database.write() as connection:
        connection.exec_driver_sql("UPDATE projects SET stored_bytes = 20000 WHERE id = 1")
    assert "the project may store 20,000 bytes" in service.reasons("SELECT random() FROM generate_series(1, 9000)")
    with service.resources.database.write() as connection:
        connection.exec_driver_sql("UPDATE projects SET stored_bytes = 1 WHERE id = 1")
    answer = service.client.post(
        f"{PREFIX}/datasets", json={"name": "d", "connection": "warehouse", "query": "SELECT 1 AS a"}
    )
    assert answer.status_code == 409
