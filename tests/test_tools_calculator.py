"""The calculator: exact, with units, and never more work than it said it would do."""

import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.tools import ToolError
from conversations.tools.amounts import MOST_BITS, Amount
from conversations.tools.calculator import calculate
from conversations.tools.tokens import MOST_CHARACTERS
from conversations.tools.units import registry

MOST_CALLS = 60_000


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"),
        ("2**100", "1267650600228229401496703205376"),
        ("2 ** 3 ** 2", "512"),
        ("-2^2", "-4"),
        ("2^-3", "0.125"),
        ("(1 + 2) * -3", "-9"),
        ("7 - 2 - 1", "4"),
        ("1_000 * 2", "2000"),
        (".5 + 5.", "5.5"),
        ("1e-20", "1e-20"),
        ("10⁻³ × 4", "0.004"),
        ("12 ÷ 8", "1.5"),
        ("17 mod 5", "2"),
        ("-7 mod 3", "2"),
        ("27^(1/3)", "3"),
        ("sqrt(2.25)", "1.5"),
        ("4^-0.5", "0.5"),
        ("round(2.5) + round(-2.5)", "0"),
        ("round(-2.345, 2)", "-2.35"),
        ("round(1234, -2)", "1200"),
        ("floor(-2.5) + ceil(2.1)", "0"),
        ("max(1, 2, 3) - min(3, 2)", "1"),
        ("abs(-3 m)", "3 m"),
        ("1/3 + 1/6", "0.5"),
        ("0^0", "1"),
        ("(-1)^(10^900 + 1)", "-1"),
    ],
)
def test_numbers_come_out_exactly(expression, result):
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("15% of 80", "12"),
        ("15% of 80 kg", "12 kg"),
        ("80 + 15% of 80", "92"),
        ("5% + 3%", "8%"),
        ("20% of 50%", "0.1"),
        ("12 / 80 to %", "15%"),
        ("3‰ * 1000", "3"),
    ],
)
def test_percentages_are_shares(expression, result):
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("3 km / 20 min to m/s", "2.5 m/s"),
        ("5 kg * 9.81 m/s^2 to N", "49.05 N"),
        ("5 kg * 9.81 m/s^2", "49.05 kg*m/s^2"),
        ("60 km/h * 2 h", "120 km"),
        ("10 GB / 100 Mbit/s to s", "800 s"),
        ("1 GiB to MB", "1073.741824 MB"),
        ("5 ft 11 in to cm", "180.34 cm"),
        ("-(5 ft 11 in) to cm", "-180.34 cm"),
        ("8 h 30 min to h", "8.5 h"),
        ("5 ft in cm", "152.4 cm"),
        ("3 in in cm", "7.62 cm"),
        ("5 ft in in", "60 in"),
        ("(3 ft) in cm", "91.44 cm"),
        ("5 ft 3 in", "5.25 ft"),
        ("2 km * 3 m to m²", "6000 m^2"),
        ("5 W/(m^2 K) * 2 m^2 * 10 K", "100 W"),
        ("(3 + 4) km → m", "7000 m"),
        ("1 kWh -> MJ", "3.6 MJ"),
        ("sqrt(16 m^2)", "4 m"),
        ("60 per min to Hz", "1 Hz"),
        ("km / m", "1000"),
        ("5 / s", "5 s^-1"),
        ("1 N*m + 1 J", "2 N*m"),
        ("1 eV to J", "1.602176634e-19 J"),
        ("180 ° to turn", "0.5 turn"),
        ("-40 °C to °F", "-40 °F"),
        ("25 °C to K", "298.15 K"),
        ("0 K to °C", "-273.15 °C"),
        ("20 delta_degC to K", "20 K"),
    ],
)
def test_units_are_kept_and_converted_exactly(expression, result):
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1/3", "1/3 (about 0.33333333333333333333, rounded to 20 digits)"),
        ("72 °F to °C", "200/9 °C (about 22.222222222222222222 °C, rounded to 20 digits)"),
        ("2 * pi", "about 6.2831853071795864769 (rounded to 20 digits)"),
        ("sqrt(2)", "about 1.4142135623730950488 (rounded to 20 digits)"),
        ("1e-400 ^ 0.5 * sqrt(3)", "about 1.7320508075688772935e-200 (rounded to 20 digits)"),
        ("90 deg to rad", "about 1.5707963267948966192 rad (rounded to 20 digits)"),
        ("1 / 7e300", "about 1.4285714285714285714e-301, rounded to 20 digits"),
    ],
)
def test_what_is_rounded_says_so(expression, result):
    assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "too early"),
        ("3 +", "too early"),
        ("3 m to", "too early"),
        ("2(3 + 4)", "“\\(” doesn’t fit"),
        (")", "doesn’t fit"),
        ("1,000 + 2", "space behind a comma"),
        ("5 €", "“€” means nothing"),
        ("__import__('os')", "means nothing"),
        ("os.system", "means nothing"),
        ("a[0]", "means nothing"),
        ("exec(1)", "no function exec"),
        ("sin(1)", "no function sin"),
        ("sqrt(1, 2)", "one argument"),
        ("foo", "no unit “foo”"),
        ("5 __class__", "no unit"),
        ("1 m + 1 kg", "Not the same measure: kg and m"),
        ("1 m + 1", "Not the same measure"),
        ("3 to m", "Not the same measure"),
        ("3 in cm", "Not the same measure"),
        ("80 + 15%", "share of what"),
        ("7 % 3", "a mod b"),
        ("1/0", "by zero"),
        ("0^-1", "by zero"),
        ("1 mod 0", "by zero"),
        ("sqrt(-1)", "no real root"),
        ("sqrt(2 m)", "makes no unit"),
        ("2^pi", "power is"),
        ("2^(1/99)", "power is"),
        ("m^0.5", "power is"),
        ("20 °C + 5 °C", "only be converted"),
        ("5 °C/min", "only be converted"),
        ("3 dB", "reckoned with exactly"),
        ("1 gauss", "reckoned with exactly"),
        ("round(1, 1e9)", "digits"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(expression, said):
    with pytest.raises(ToolError, match=said):
        calculate(expression)


def effort(expression: str) -> tuple[int, int]:
    """How many functions a refusal or a result took, and the longest number on the way, in bits."""
    calls, longest = 0, 0

    def count(frame, event, _argument):
        nonlocal calls, longest
        calls += event in ("call", "c_call")
        if event == "call" and frame.f_code is Amount.__post_init__.__code__:
            value = frame.f_locals["self"].value
            longest = max(
                longest, abs(value.numerator).bit_length(), value.denominator.bit_length()
            )

    sys.setprofile(count)
    try:
        calculate(expression)
    except ToolError:
        pass
    finally:
        sys.setprofile(None)
    return calls, longest


HUGE = [
    "9**9**9",
    "10**10**10",
    "1e999999",
    "1e" + "9" * 400,
    "9" * MOST_CHARACTERS,
    "9" * 10_000_000,
    "(" * 10_000,
    "(" * MOST_CHARACTERS,
    "-" * MOST_CHARACTERS,
    "2^" * 249 + "2",
    "((9^999)^999)^999",
    "*".join(["9e900"] * 80),
    "+".join(f"1/{n}" for n in range(1, 100)),
    "1e-1000^2",
    "2^0.5^" * 20 + "2",
    "(1e999)^(1/12)",
    "Ym^64 to m^64",
    "m^65",
    "*".join(["Ym^9"] * 80),
    "(2 quettam)^32 to quectom^32",
    "(m^64)^64^64",
    "m^" + "9" * 490,
    "max" + "(max" * 120,
    "round(1/3, -1000)",
    "x" * MOST_CHARACTERS,
]


@pytest.mark.parametrize("expression", HUGE, ids=[text[:20] for text in HUGE])
def test_nothing_takes_much_work_however_it_is_written(expression):
    registry()
    calls, longest = effort(expression)
    assert calls < MOST_CALLS
    assert longest <= 3 * MOST_BITS


@pytest.mark.parametrize("expression", ["9**9**9", "10**10**10", "1e999999", "1e1000 * 10"])
def test_what_is_too_large_is_refused_in_a_sentence(expression):
    with pytest.raises(ToolError, match="too large"):
        calculate(expression)


def test_a_deep_expression_is_refused_in_a_sentence():
    with pytest.raises(ToolError, match="longer than"):
        calculate("(" * 10_000)
    with pytest.raises(ToolError, match="nested"):
        calculate("(" * 400)


@given(st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6))
def test_sums_and_products_are_those_of_fractions(one, other):
    a, b = f"({one})", f"({other})"
    for sign, exact in (("+", one + other), ("-", one - other), ("*", one * other)):
        said = calculate(f"{a} {sign} {b}")
        assert Fraction(said.partition(" ")[0]) == exact


@given(st.text("0123456789.eE+-*/^%(), kmshNto°CF√in", max_size=40))
def test_any_text_gives_a_result_or_a_sentence(text):
    try:
        said = calculate(text)
    except ToolError as error:
        said = error.sentence
    assert said
