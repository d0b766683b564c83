"""Each feature of Markdown, in the shape that pages know."""

import re
from pathlib import Path

import pytest

from conversations.rendering import RENDERER_VERSION, render

from .corpus import ANSWER, examples
from .page import parse

TABLE = '<div class="table" tabindex="0"><table><thead><tr>{}</tr></thead>{}</table></div>'
REL = 'rel="noopener noreferrer nofollow" target="_blank"'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb", '<p dir="auto">a\nb</p>'),
        ("# a", '<h1 dir="auto">a</h1>'),
        ("a\n---", '<h2 dir="auto">a</h2>'),
        ("***", "<hr>"),
        ("**a** *b* ~~c~~ `d`", "<strong>a</strong> <em>b</em> <del>c</del> <code>d</code>"),
        ("a  \nb", "a<br>\nb"),
        ("> a", '<blockquote dir="auto"><p>a</p></blockquote>'),
        ("- a\n  - b", '<ul><li dir="auto">a<ul><li dir="auto">b</li></ul></li></ul>'),
        ("3. a\n\n4. b", '<ol start="3"><li dir="auto">a</li><li dir="auto">b</li></ol>'),
        ("- a\n\n  b", '<ul><li dir="auto">a<p>b</p></li></ul>'),
        ("- [ ] a", '<li dir="auto"><span class="task">☐</span> a</li>'),
        ("- [x] a", '<li dir="auto"><span class="task" data-done="">☑</span> a</li>'),
        (
            "|a|b|\n|-|-:|\n|1|2|",
            TABLE.format(
                '<th dir="auto">a</th><th align="right" dir="auto">b</th>',
                '<tbody><tr><td dir="auto">1</td><td align="right" dir="auto">2</td></tr></tbody>',
            ),
        ),
        ("```Python x\na<b\n```", '<figure class="code" data-language="python" dir="ltr">'),
        ("```\na<b\n```", '<pre tabindex="0"><code>a&lt;b\n</code></pre></figure>'),
        ("```py\nimport os\n```", '<span class="k">import </span>os\n'),
        ("```java\nint x = 1;\n```", '<span class="t">int </span>x'),
        ("    a", '<figure class="code" dir="ltr"><pre tabindex="0"><code>a\n</code></pre>'),
        ("$x$", '<math display="inline"><mrow><mi>x</mi></mrow></math>'),
        ("\\(x\\)", '<math display="inline"><mrow><mi>x</mi></mrow></math>'),
        ("$$x$$", '<span class="math" tabindex="0"><math display="block">'),
        ("\\[x\\]", '<span class="math" tabindex="0"><math display="block">'),
        ("```math\nx\n```", '<span class="math" tabindex="0"><math display="block">'),
        ("$a_{$", '<code class="math-source">a_{</code>'),
        ("$\\text{a<b}$", "<mtext>a&lt;b</mtext>"),
        ("[a](http://b.c/d)", f'<a href="http://b.c/d" data-host="b.c" {REL}>a</a>'),
        ("http://b.c/d", f'<a href="http://b.c/d" {REL}>http://b.c/d</a>'),
        ("www.b.c", f'<a href="http://www.b.c" {REL}>www.b.c</a>'),
        ("a@b.c", f'<a href="mailto:a@b.c" {REL}>a@b.c</a>'),
        ("![a](http://b.c/d)", f'<a href="http://b.c/d" class="image" data-host="b.c" {REL}>a</a>'),
        ("[![a](http://b.c/d)](http://e.f)", f'<a href="http://e.f" data-host="e.f" {REL}>a</a>'),
        ("<b>a</b>", '<p dir="auto">&lt;b&gt;a&lt;/b&gt;</p>'),
        ("<div>\na\n</div>", '<p dir="auto">&lt;div&gt;\na\n&lt;/div&gt;</p>'),
    ],
)
def test_each_feature_has_its_shape(text: str, html: str) -> None:
    assert html in render(text, "m")


def test_footnotes_link_there_and_back_by_names_of_ours() -> None:
    html = render("a[^x] b[^x] c[^y]\n\n[^x]: one\n[^y]: two", "m")
    assert '<sup><a href="#m-fn-1" id="m-fnref-1">1</a></sup>' in html
    assert '<a href="#m-fn-1" id="m-fnref-1-2">1</a>' in html
    assert '<li id="m-fn-1" dir="auto">one <a class="footnote-back" href="#m-fnref-1">↩</a>' in html
    targets = set(re.findall(r'href="#([^"]*)"', html))
    assert targets == set(re.findall(r' id="([^"]*)"', html))


@pytest.mark.parametrize("text", examples())
def test_the_html_is_well_formed_and_says_nothing_in_words_of_the_interface(text: str) -> None:
    html = render(text, "m")
    parse(html)
    assert "aria-label" not in html
    assert "<button" not in html


@pytest.mark.parametrize(
    ("href", "host"),
    [
        ("https://good.example@evil.example/", "evil.example"),
        ("https://evil.example\\@good.example/", "good.example"),
        ("https://b%C3%BCcher.example/", "xn--bcher-kva.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("HTTPS://A.example:444/", "A.example:444"),
    ],
)
def test_a_link_tells_the_host_that_it_leads_to(href: str, host: str) -> None:
    assert f'data-host="{host}"' in render(f"[text](<{href}>)", "m")


def test_an_answer_is_rendered_whole() -> None:
    html = render(ANSWER, "m")
    assert html.count("<figure") == 3
    assert html.count("<math") == 4
    assert html.count("<tr>") == 3


def test_long_code_stays_plain() -> None:
    assert 'class="k"' not in render("```py\n" + "import os\n" * 2000 + "```", "m")


def test_the_version_is_a_number() -> None:
    assert isinstance(RENDERER_VERSION, int)


def test_code_colours_stand_out_in_both_themes() -> None:
    from .contrast import contrast

    css = (Path(__file__).parents[2] / "static" / "code.css").read_text()
    light, dark, preferred = re.findall(r"\{((?:\s*--code-[^}]*)+)\}", css)
    assert light.split() != dark.split() == preferred.split()
    for colours, background in ((light, ".965 .006 90"), (dark, ".25 .007 75")):
        found = re.findall(r"oklch\(([^)]*)\)", colours)
        assert len(found) == 13
        assert min(contrast(colour, background) for colour in found) >= 4.5


def test_of_two_definitions_of_a_footnote_the_first_counts() -> None:
    html = render("A[^n].\n\n[^n]: one\n\nB[^n].\n\n[^n]: two\n\n```\n[^n]: code\n```\n\nend", "p")
    assert html.endswith("</li></ol></section>")
    assert "two" not in html
    assert "[^n]: code" in html
    assert html.index("end</p>") < html.index("<section")
