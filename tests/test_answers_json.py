"""Judging JSON answers: exact, in words, with a place, and never for long."""

import json
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.answers_json import (
    LONGEST,
    LONGEST_PROBLEM,
    VALID,
    Verdict,
    check_schema,
    judge,
    repair_request,
)
from conversations.answers_work import MOST_NODES, MOST_PATTERNS

PERSON = {
    "type": "object",
    "required": ["name", "age"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}
PEOPLE = {"type": "object", "properties": {"people": {"type": "array", "items": PERSON}}}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def people(*ages: str) -> str:
    return json.dumps({"people": [{"name": "A", "age": 0}]}).replace("0", ages[0])


# Is it JSON


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "\n [1] \n",
        '```json\n{"a": 1}\n```',
        "```\n[]\n```\n",
        "~~~json\n1\n~~~",
        "\ufeffnull",
    ]
    + ['{"a": 1, "a": 2}', "1e5", '"\\ud800"', "9" * 5000, "-0.0", '```json\n{"a": 1}'],
)
def test_json_is_valid_without_a_schema(text: str) -> None:
    assert judge(text, None) == VALID


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nothing in it"),
        ("```json\n```", "nothing in it"),
        ('Here it is:\n{"a": 1}', "should begin here (line 1, column 1)"),
        ('{"a": 1}\n\nEnjoy!', "after the end of the JSON (line 3, column 1)"),
        ('```json\n{"a": x}\n```', "should begin here (line 2, column 7)"),
        ('{"a": [1,\n 2', "it breaks off (line 2, column 3)"),
        ('```json\n{"a":\n', "it breaks off (line 2, column 6)"),
        ('{"a": "b\n"}', "line break or another control character (line 1, column 9)"),
        ("{'a': 1}", "a name in double quotes should stand here (line 1, column 2)"),
        ("{a: 1}", "a name in double quotes"),
        ('{"a" 1}', "a colon is missing (line 1, column 6)"),
        ("[1 2]", "a comma or a closing bracket is missing (line 1, column 4)"),
        ('["\\x"]', "a backslash that escapes nothing"),
        ('["ab', "the text that begins here never ends (line 1, column 2)"),
        ("[NaN]", "NaN isn’t a number"),
        ("-Infinity", "-Infinity isn’t a number"),
        ("01", "after the end of the JSON (line 1, column 2)"),
        ("[" * 101 + "]" * 101, "nested more than 100 levels"),
        ("[" * 100_000, "nested more than 100 levels"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, told: str) -> None:
    verdict = judge(text, None)
    assert not verdict.valid
    assert told in verdict.problem
    assert verdict.problem.startswith("The answer isn’t valid JSON: ")
    assert verdict.path == ""
    assert judge(text, PEOPLE) == verdict


# Does it fit


def test_an_answer_that_fits_is_valid() -> None:
    assert judge(people("36"), PEOPLE) == VALID
    assert judge(f"```json\n{people('36')}\n```", PEOPLE) == VALID
    assert judge("1", {}) == VALID


def test_the_first_problem_has_its_path_and_the_next_ones_theirs() -> None:
    text = '{"people": [{"name": "A", "age": "x"}, {"name": 2, "age": -1}, {}]}'
    verdict = judge(text, PEOPLE)
    assert verdict.path == "$.people[0].age"
    assert verdict.problem.startswith("Must be a whole number, not text. $.people[1]")
    assert verdict.problem.endswith("There are more problems.")


@pytest.mark.parametrize(
    ("schema", "text", "path", "problem"),
    [
        ({"type": ["string", "null"]}, "[1]", "$", "Must be text or null, not a list."),
        ({"type": "number"}, "true", "$", "Must be a number, not true."),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "1", "$", "Must be text or null, not a number."),
        ({"required": ["a b"]}, "{}", "$", "“a b” is missing."),
        ({"properties": {"a b": {"const": 1}}}, '{"a b": 2}', '$["a b"]', "Must be 1."),
        ({"enum": ["x", None]}, "1", "$", "Must be “x” or null."),
        ({"enum": list(range(9))}, "10", "$", "Must be one of 9 given values."),
        ({"minLength": 2}, '"a"', "$", "Must have at least 2 characters."),
        ({"maxItems": 1}, "[1, 2]", "$", "Must have at most 1 entry."),
        ({"minProperties": 2}, "{}", "$", "Must have at least 2 entries."),
        ({"exclusiveMaximum": 5}, "5", "$", "Must be less than 5."),
        ({"pattern": "^a+$"}, '"b"', "$", "Must match the pattern “^a+$”."),
        ({"uniqueItems": True}, "[1, 1.0]", "$", "Has the same entry twice."),
        ({"propertyNames": {"maxLength": 1}}, '{"ab": 1}', "$", "The name “ab” must have at most 1 character."),
        ({"prefixItems": [{}], "items": False}, "[1, 2]", "$[1]", "Has something that isn’t allowed here."),
        ({"properties": {}, "additionalProperties": False}, '{"a": 1, "b": 2}', "$", "“a” and “b” aren’t allowed here."),
        ({"not": {}}, "1", "$", "Has a form that the schema rules out."),
        ({"contains": {"type": "null"}}, "[]", "$", "Lacks an entry that the schema asks for."),
        ({"oneOf": [{}, {}]}, "1", "$", "Must fit exactly one of the forms that are allowed here."),
        ({"$schema": DRAFT_7, "items": [{}], "additionalItems": False}, "[1, 2]", "$", "Has more entries than are allowed."),
        ({"$schema": DRAFT_7, "format": "date"}, '"x"', "$", "Must have the format “date”."),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_words(schema: dict, text: str, path: str, problem: str) -> None:
    assert judge(text, schema) == Verdict(False, problem, path)


def test_of_several_forms_the_one_that_was_meant_is_told_about() -> None:
    forms = [
        {"properties": {"kind": {"const": kind}, "size": {"type": asked}}}
        for kind, asked in (("a", "string"), ("b", "integer"))
    ]
    verdict = judge('{"kind": "b", "size": "x"}', {"oneOf": forms})
    assert verdict == Verdict(False, "Must be a whole number, not text.", "$.size")
    optional = {"properties": {"p": {"anyOf": [{"type": "null"}, PERSON]}}}
    assert judge('{"p": {"name": "A"}}', optional) == Verdict(False, "“age” is missing.", "$.p")


def test_numbers_stay_exact() -> None:
    assert judge("0.07", {"multipleOf": 0.01}) == VALID
    assert judge("9007199254740993", {"const": 9007199254740993}) == VALID
    assert not judge("9007199254740992", {"const": 9007199254740993}).valid
    assert not judge("0.1000000000000000000001", {"maximum": 0.1}).valid
    assert judge("1.0", {"type": "integer"}) == VALID


@pytest.mark.parametrize("text", ["1e999999999", "-1e-99999999999", "1" * 1001, "1." + "1" * 1001])
def test_a_number_without_bounds_is_not_checked(text: str) -> None:
    assert judge(text, {"multipleOf": 2}).problem.startswith("The answer can’t be checked: ")
    assert judge(text, None) == VALID


def test_halves_of_characters_are_judged() -> None:
    assert judge('{"\\ud800": "\\udfff"}', {"properties": {"a": {"maxLength": 1}}}) == VALID
    assert not judge('"\\ud800"', {"maxLength": 0}).valid


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(deadline=None)
def test_what_python_writes_fits_itself(value: object) -> None:
    assert judge(json.dumps(value), {"const": value}) == VALID


@given(st.text(), st.sampled_from([None, PEOPLE]))
@settings(deadline=None)
def test_any_text_is_judged(text: str, schema: dict | None) -> None:
    verdict = judge(text, schema)
    assert verdict.valid == (verdict.problem == "")
    assert len(verdict.problem) <= LONGEST_PROBLEM


def test_what_is_told_is_short() -> None:
    names = {f"{'n' * 500}{number}": 1 for number in range(50)}
    verdict = judge(json.dumps(names), {"properties": {}, "additionalProperties": False})
    assert len(verdict.problem) <= LONGEST_PROBLEM
    assert "44 more" in verdict.problem
    deep = 1
    schema: dict = {"type": "string"}
    for _ in range(60):
        deep, schema = {"long name" * 9: deep}, {"additionalProperties": schema}
    assert len(judge(json.dumps(deep), schema).path) <= 200


# Schemas


@pytest.mark.parametrize(
    "schema",
    [{}, PEOPLE, {"$schema": DRAFT_7, "type": "object"}, {"pattern": r"^[\w.+-]+@\w+\.\w{2,20}$"}]
    + [{"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}]
    + [
        {
            "$defs": {"a/b": {"$anchor": "x"}},
            "items": {"$ref": "#/$defs/a~1b"},
            "not": {"$ref": "#x"},
        }
    ]
    + [{"properties": {"$ref": {"type": "string"}, "pattern": {"enum": [{"$ref": "x"}]}}}]
    + [{"$id": "https://example.com/a", "properties": {"a": {"$ref": "https://example.com/a"}}}],
)
def test_a_schema_that_can_be_used_has_nothing_wrong(schema: dict) -> None:
    assert check_schema(schema) == ""


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ([], "A schema is an object"),
        (None, "A schema is an object"),
        ({"type": "strin"}, "$.type names no type that JSON has."),
        (
            {"properties": {"a": {"minLength": "x"}}},
            "$.properties.a.minLength must be a whole number",
        ),
        ({"required": "a"}, "$.required must be a list, not text."),
        ({"pattern": "("}, "the pattern “(” is broken"),
        ({"pattern": "(?=a)b"}, "looks ahead"),
        ({"patternProperties": {r"(a)\1": {}}}, "looks ahead"),
        ({"pattern": "((a{100}){100}){100}"}, "too large"),
        ({"$schema": "https://example.com/own"}, "a draft that isn’t known"),
        ({"$ref": "https://example.com/x.json"}, "refers to “https://example.com/x.json”"),
        ({"$ref": "file:///etc/passwd"}, "which isn’t in it"),
        ({"items": {"$ref": "other.json#/a"}}, "which isn’t in it"),
        ({"$ref": "#/$defs/none"}, "which isn’t in it"),
        ({"$ref": "#none"}, "which isn’t in it"),
        ({"allOf": [{"$id": "https://example.com/b"}]}, "“$id” below the top"),
        ({"$ref": "#"}, "too much work"),
        ({"anyOf": [{"$ref": "#"}, {}]}, "too much work"),
        ({"const": float("nan")}, "something that JSON hasn’t"),
        ({"properties": {str(n): {} for n in range(MOST_NODES)}}, "more than 20,000 parts"),
        ({"enum": ["x" * 300_000]}, "longer than 256 KiB"),
        ({"patternProperties": {f"^{n}": {} for n in range(MOST_PATTERNS + 1)}}, "100 patterns"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_about(schema: object, told: str) -> None:
    assert told in check_schema(schema)
    if isinstance(schema, dict):
        verdict = judge("1", schema)
        assert told in verdict.problem
        assert verdict.path == ""


def test_a_schema_nested_without_end_is_told_about() -> None:
    schema: dict = {}
    for _ in range(5000):
        schema = {"not": schema}
    assert "nested" in check_schema(schema)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    for reference in ("https://example.com/x", "//example.com", "http://127.0.0.1:1/#/a"):
        assert "isn’t in it" in judge("1", {"$ref": reference}).problem


def doubled(levels: int) -> dict:
    """A schema in which each level asks for the next one twice."""
    steps = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": steps | {f"a{levels}": {}}, "$ref": "#/$defs/a0"}


def chained(length: int) -> dict:
    """A schema in which a long chain of references leads into each list."""
    steps = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(length)}
    return {
        "$defs": steps | {f"a{length}": {"items": {"$ref": "#/$defs/a0"}}},
        "$ref": "#/$defs/a0",
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("1", doubled(40)),
        ("[" * 60 + "]" * 60, {"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}),
        ("[" * 100 + "]" * 100, chained(1000)),
        ("[" + "1," * 490_000 + "1]", {"items": {"type": "string"}}),
        ("[" + "1," * 100_000 + "1]", {"items": {"type": "string"}}),
        ("[" + "{}," * 100_000 + "{}]", {"uniqueItems": True}),
        (json.dumps("a" * 1_000_000), {"pattern": "^(a+)+b$"}),
        (json.dumps("ab" * 45_000), {"pattern": "a.{500}c"}),
        (json.dumps("a" * 90_000), {"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}),
        ('{"a":' * 100_000, PEOPLE),
        ("x" * (LONGEST + 1), None),
    ],
    ids=range(11),
)
def test_a_judgement_never_takes_long(text: str, schema: dict | None) -> None:
    began = time.thread_time()
    assert not judge(text, schema).valid or "uniqueItems" in (schema or {})
    assert time.thread_time() - began < 5


def test_large_answers_are_judged() -> None:
    text = json.dumps({"people": [{"name": "A" * 40, "age": number} for number in range(15_000)]})
    assert len(text) > 900_000
    assert judge(text, PEOPLE) == VALID
    verdict = judge(text.replace("14999", '"x"'), PEOPLE)
    assert verdict == Verdict(False, "Must be a whole number, not text.", "$.people[14999].age")


# Once more


def test_the_request_for_a_repair_names_problem_and_place() -> None:
    request = repair_request(judge(people('"x"'), PEOPLE))
    assert "$.people[0].age: Must be a whole number, not text." in request
    assert "\n" not in request
    assert "isn’t valid JSON" in repair_request(judge("no", PEOPLE))
