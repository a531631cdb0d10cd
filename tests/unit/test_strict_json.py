"""Strict JSON: what has two meanings, or none that PostgreSQL holds, is refused with its reason."""

from decimal import Decimal

import pytest

from acci.store.values.storable import unstorable
from acci.store.values.strict_json import NotJson, parse_object


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expecting value at character 1"),
        ("[1]", "it is a list, not an object"),
        ('"a"', "it is a text, not an object"),
        ("1", "it is a number, not an object"),
        ("true", "it is true or false, not an object"),
        ("null", "it is null, not an object"),
        ('{"a": 1} x', "extra data at character 10"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"b": {"a": 1, "a": 1}}', "the key 'a' is there twice"),
        ('{"a": NaN}', "NaN is no number in JSON"),
        ('{"a": -Infinity}', "-Infinity is no number in JSON"),
        ('{"a": 1e400}', "the number '1e400' is out of range"),
        ('{"a": 1e999999999999999999999}', "is out of range"),
        ('{"a": 9223372036854775808}', "is beyond 64 bits"),
        ('{"a": 1' + "0" * 400 + "}", "is beyond 64 bits"),
        ('{"a": 1' + "0" * 100_000 + "}", "is beyond 64 bits"),
        ('{"a": "x\\u0000y"}', "a holds a NUL character"),
        ('{"a": {"b\\u0000": 1}}', "a key in a holds a NUL character"),
        ('{"a": ["\\ud800"]}', "a.0 holds half a surrogate pair"),
        ('{"\\udfff": 1}', "a key in it holds half a surrogate pair"),
        ('{"a": "\udfff"}', "a holds half a surrogate pair"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "it nests too deeply"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "it nests too deeply"),
        ('{"a": "new\nline"}', "invalid control character at character 11"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse_object(text)
    assert reason in caught.value.reason
    assert len(str(caught.value)) < 200


def test_numbers_keep_their_digits() -> None:
    found = parse_object('{"float": 0.1, "exact": 0.1000000000000000055, "whole": -9223372036854775807, "zero": 1.0}')
    assert found == {"float": 0.1, "exact": Decimal("0.1000000000000000055"), "whole": -(2**63) + 1, "zero": 1.0}
    assert isinstance(found["float"], float)


def test_every_unicode_character_is_preserved() -> None:
    assert parse_object('{"ключ": "\\ud83d\\ude00 é \\\\u0000"}') == {"ключ": "😀 é \\u0000"}


def test_unstorable_text_is_named_at_any_depth() -> None:
    nul, half = (
        "holds a NUL character, which PostgreSQL has not in text",
        "holds half a surrogate pair, which is no character",
    )
    value = {"a": ["x", ("\0", {"b": "\ud800"})], "c": {"\0": 1, "d": {"\ud800": "\0"}}, "e": frozenset("\0"), 5: 1.5}
    assert list(unstorable(value)) == [
        ("a.1.0", nul),
        ("a.1.1.b", half),
        ("a key in c", nul),
        ("a key in c.d", half),
        ("c.d.\ud800", nul),
        ("e.0", nul),
    ]
    assert list(unstorable({"\0": "\0"})) == [("a key in it", nul), ("\0", nul)]
    assert list(unstorable(["\0"], "data")) == [("data.0", nul)]
    assert list(unstorable(["a", "\0"])) == [("1", nul)]
    assert list(unstorable("\0", "data")) == [("data", nul)]
    assert list(unstorable([None, True, 1, 2.5, b"\0", "é"])) == []
