"""JSON is read as RFC 8259 means it; everything that readers could understand differently is refused, and quickly."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_training.domain.errors import BadRequest
from ml_training.domain.strict_json import parse

DEPTH = 20
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values, st.booleans())
def test_whatever_the_standard_writer_writes_is_read_back(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode(), max_depth=100) == value


def test_text_is_utf8_and_pairs_of_surrogates_are_one_character() -> None:
    assert parse('["é", "\\u00e9", "\\ud83d\\ude00", "\\\\u0000"]'.encode(), max_depth=DEPTH) == [
        "é",
        "é",
        "\N{GRINNING FACE}",
        "\\u0000",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[01]", "not JSON"),
        (b'["\x01"]', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"]", "not JSON"),
        (b"[[", "not JSON"),
        (b'{"a": 1} // comment', "not JSON"),
        (b'"\xff"', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
        ('["é"]'.encode("latin-1"), "not UTF-8"),
        (b'{"a": 1, "a": 1}', "'a' stands twice"),
        (b'[{"x": {"b": 1, "c": 2, "b": 3}}]', "'b' stands twice"),
        (b'{"a": 1, "\\u0061": 1}', "'a' stands twice"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b"[1e999]", "1e999"),
        (b"[-1e999]", "-1e999"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[-9223372036854775809]", "64 bits"),
        (b"1" * 5_000, "64 bits"),
        (b'["\\ud800"]', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'["a\\u0000b"]', "NUL"),
        (b'{"a": [{"\\u0000": 1}]}', "NUL"),
    ],
)
def test_each_refusal_says_what_is_wrong(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body, max_depth=DEPTH)
    assert reason in caught.value.detail


@pytest.mark.parametrize("number", [b"9223372036854775807", b"-9223372036854775808", b"1e308", b"1e-400", b"-0"])
def test_numbers_that_fit_are_read(number: bytes) -> None:
    assert parse(number, max_depth=DEPTH) == json.loads(number)


def nested(levels: int) -> bytes:
    """Lists and objects in turn."""
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return json.dumps(value).encode()


def test_the_depth_limit_is_exact() -> None:
    assert parse(nested(DEPTH), max_depth=DEPTH) == json.loads(nested(DEPTH))
    with pytest.raises(BadRequest, match="deeper than 20 levels"):
        parse(nested(DEPTH + 1), max_depth=DEPTH)


def test_many_values_side_by_side_are_not_deep() -> None:
    assert len(parse(b"[" + b"[{}]," * 999 + b"[{}]]", max_depth=3)) == 1_000  # type: ignore[arg-type]


def test_brackets_in_strings_are_not_depth() -> None:
    text = "[" * 50 + '\\"' + "{" * 50 + "\\\\"
    assert parse(json.dumps([text, text]).encode(), max_depth=1) == [text, text]


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b":", b"1", b'"a":', b"[" * 5_000])))
def test_no_garbage_makes_the_parser_recurse_without_end(parts: list[bytes]) -> None:
    try:
        parse(b"".join(parts), max_depth=DEPTH)
    except BadRequest:
        return


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 170_000,
        b'["' + b"]" * 9 + b'",' + b"[" * 200_000,
        b'\\"' + b"[" * 200_000,
    ],
)
def test_two_hundred_thousand_levels_are_refused_without_recursion(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(body, max_depth=DEPTH)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({str(number): 0 for number in range(80_000)}).encode()[:-1] + b', "79999": 0}',
        b'"' + b'\\"' * 500_000,
        b"[" + b'"\\u0061",' * 100_000,
        b"[" + b'"",' * 340_000,
        b"9" * 1_000_000,
    ],
)
def test_a_megabyte_made_to_be_slow_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(body, max_depth=DEPTH)


def test_a_refusal_shows_only_the_beginning_of_what_was_sent() -> None:
    with pytest.raises(BadRequest) as caught:
        parse(b'{"%s": 1, "%s": 2}' % (b"k" * 100_000, b"k" * 100_000), max_depth=DEPTH)
    assert len(caught.value.detail) < 200


def test_reading_a_megabyte_takes_bounded_memory() -> None:
    body = b"[" + b"[]," * 340_000 + b"1]"
    tracemalloc.start()
    parse(body, max_depth=DEPTH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20
