"""How many tokens a text is thought to have, by its script, and what that takes."""

import time

import pytest

from conversations.engine.estimate import TOKENS_PER_MESSAGE, tokens_of, tokens_of_messages

# A text, and the fewest and most tokens that vocabularies of 32,000 to 200,000 entries make of it.
TEXTS = {
    "English": (
        (
            "The history of bread begins long before anyone wrote it down. People ground wild grain"
            " between stones, mixed the flour with water, and baked the paste on hot rocks."
        ),
        (30, 48),
    ),
    "German": (
        (
            "Die Geschichte des Brotes beginnt lange, bevor jemand sie aufschrieb. Menschen zerrieben"
            " wildes Getreide zwischen Steinen und backten den Teig über dem Feuer."
        ),
        (34, 56),
    ),
    "code": (
        (
            "def total(rows: list[Row]) -> int:\n    found = 0\n    for row in rows:\n"
            "        if row.kind == 'sum':\n            found += row.value[0]\n    return found\n"
        ),
        (34, 66),
    ),
    "JSON": ('{"id": 12345, "name": "alpha", "values": [1.25, 3.5], "ok": true}', (22, 42)),
    "digits": ("3141592653589793238462643383279502884197", (13, 40)),
    "Russian": ("История хлеба начинается задолго до того, как её записали.", (14, 32)),
    "Greek": ("Η ιστορία του ψωμιού αρχίζει πολύ πριν κάποιος τη γράψει.", (20, 58)),
    "Hebrew": ("ההיסטוריה של הלחם מתחילה הרבה לפני שמישהו כתב אותה.", (16, 50)),
    "Arabic": ("يبدأ تاريخ الخبز قبل وقت طويل من أن يكتبه أحد.", (13, 42)),
    "Hindi": ("रोटी का इतिहास किसी के लिखने से बहुत पहले शुरू होता है।", (16, 60)),
    "Thai": ("ประวัติศาสตร์ของขนมปังเริ่มต้นนานก่อนที่จะมีใครเขียนไว้", (18, 60)),
    "Chinese": ("面包的历史早在有人记录之前就开始了。人们在石头之间磨碎野生谷物。", (20, 48)),
    "Japanese": ("パンの歴史は、誰かが書き留めるずっと前に始まりました。", (18, 40)),
    "Korean": ("빵의 역사는 누군가가 기록하기 훨씬 전에 시작되었습니다.", (17, 42)),
    "emoji": ("🐝🎉🚀😀🔥", (5, 15)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_an_estimate_lies_among_what_tokenizers_make_of_it(name):
    text, (fewest, most) = TEXTS[name]
    assert fewest <= tokens_of(text) <= most


def test_english_has_about_four_characters_a_token_and_chinese_about_one():
    english, chinese = TEXTS["English"][0], TEXTS["Chinese"][0]
    assert 3.5 < len(english) / tokens_of(english) < 5
    assert 1 <= tokens_of(chinese) / len(chinese) <= 1.5


def test_code_is_denser_than_prose():
    prose, code = (TEXTS[name][0] for name in ("English", "code"))
    assert len(code) / tokens_of(code) < len(prose) / tokens_of(prose)


@pytest.mark.parametrize("text", ["", "\ud800", "\0", "\x7f", "e\u0301", "👩‍👩‍👧", "\U0010ffff"])
def test_any_text_has_an_estimate(text):
    assert (tokens_of(text) > 0) == bool(text)


def test_a_text_has_as_much_as_its_pieces():
    text = "".join(text for text, _bounds in TEXTS.values()) * 20
    half = len(text) // 2
    assert tokens_of(text) <= tokens_of(text[:half]) + tokens_of(text[half:]) <= tokens_of(text) + 1


@pytest.mark.parametrize("piece", ["The quick brown fox. ", "면, 面 ж 🐝 "])
def test_a_megabyte_is_estimated_in_the_time_of_its_length(piece):
    def milliseconds(size):
        text = piece * (size // len(piece.encode()))
        began = time.perf_counter()
        tokens_of(text)
        return (time.perf_counter() - began) * 1000

    small, large = (min(milliseconds(size) for _ in range(5)) for size in (250_000, 1_000_000))
    assert large < max(12 * small, 20)
    assert large < 200


def test_a_request_counts_each_message_s_envelope():
    assert tokens_of_messages(["Hello", "Hello"]) == 2 * (tokens_of("Hello") + TOKENS_PER_MESSAGE)
