"""Markdown to try things on: what models write, and what CommonMark and GFM have corners for."""

ANSWER = """# Setting up

To get going you need **three things**: a server, a [file](https://docs.example.com/a), patience.
It reads the file once, and again on `SIGHUP`.

## Steps

1. **Install the package.** From your system's package manager.
   - On Debian: `apt install example`
   - On Fedora: `dnf install example`
2. **Write the configuration.** A small one will do:

   ```toml
   [server]
   port = 8080
   ```

3. **Start it** and look at the log.

```python
import asyncio


async def main() -> None:
    print(f"{1 < 2}")


asyncio.run(main())
```

| Option | Default | Meaning |
|--------|--------:|:-------:|
| `port` | 8080 | where it *listens* |
| `a\\|b` | | nothing |

The time is $T = \\frac{n}{k}$ and in all

$$
\\sum_{i=1}^{n} x_i = \\mu n
$$

or \\(a < b\\) and \\[c\\]

> **Note:** the figures hold for an idle machine.
> Yours may differ.
>
> - one
> - two
>
> ```sh
> ls
> ```

- [ ] to do
- [x] done

---

~~Wrong~~, see https://example.com/x and www.example.org or mail to a@example.com.
![A chart](https://example.com/chart.png)

Last line"""

EXAMPLES = """- a\\n- b\\n\\n- c
- a\\n\\n  b\\n\\n\\n- c
1. a\\n2. b\\n3. c
3. a\\n4. b
0. a
10) a\\n11) b\\n12. c
- a\\n* b\\n+ c
- a\\n  - b\\n    - c\\n- d
- a\\n\\n      code\\n- b
-    a\\n     b
- a\\nlazy\\n- b
1. a\\n```\\ncode\\n```\\n2. b
1. a\\n\\n   ```\\n   code\\n   ```\\n\\n2. b
- ```\\n  a\\n  ```\\n- b
- # a\\n- b
- > a\\n  > b\\n- c
-\\n  a\\n- b
- a\\n-\\n- b
- a\\n\\n\\n\\nb
* * *\\n- - -\\n___
a\\n---\\nb\\n===\\n\\nc
a\\n***\\nb
# a #\\n## b\\n####### c\\n#d\\n#
a\\n# b\\nc
> a\\nb\\n> c
> a\\n\\n> b
> # a\\n> b\\n>\\n> c
> - a\\n> - b\\nc
>> a\\n> b
> > a\\n> >\\n> > b
>a\\n>\\tb
> ```\\n> a\\n\\nb
> | a | b |\\n> |---|---|\\n> | 1 | 2 |
> a\\n---
```\\na\\n```
~~~ py\\na\\n```\\n~~~
````\\n```\\n````
  ```\\n  a\\n b\\n  ```
```\\n\\n\\n```
```py\\na
``` a`b\\nc
``\\na\\n``
    a\\n\\n    b\\n\\nc
\\ta\\n\\tb
a\\n    b
| a |\\n|---|\\n| 1 |
| a | b |\\n|:--|--:|\\n| 1 |\\n| 1 | 2 | 3 |\\n\\nc
a | b\\n- | -\\n1 | 2
a\\n| a | b |\\n|---|---|\\n| 1 | 2 |\\n> q
| a | b |\\n|---|\\n| 1 | 2 |
| a \\\\| b |\\n|---|\\n| `x \\\\| y` |
| a |\\n|---|\\n# b
| a |\\n|---|\\n- b
| a | b |\\n|---|---|
*a* _b_ **c** __d__ ***e*** ~~f~~ ~g~
**a\\nb** *c
a*b*c a_b_c
`a` ``b`c`` `d
[a](b) [c](http://d "e") [f][g] [h]\\n\\n[g]: http://g\\n[h]: http://h 'i'
[g]: http://g\\n\\n[f][g]
![a](http://b/c.png) ![](http://b/c.png) ![d](e)
[![a](http://b/c.png)](http://d)
<http://a.b> <a@b.c> http://a.b/c?d=e&f=(g). www.a.b
a  \\nb\\\\\\nc
\\\\*a\\\\* \\\\# &amp; &copy; &#35; &nope;
<div>\\n*a*\\n</div>\\n\\nb
<b>a</b> <!-- c --> <br>
<script>\\nalert(1)\\n\\n</script>\\nb
<!-- a\\n\\nb -->
<a href="x">\\n\\nb
a[^1] b[^2] c[^1]\\n\\n[^1]: x\\n[^2]: y\\n\\n    z
[^1]: early\\n\\na[^1]
a[^none]
- [ ] a\\n- [x] b\\n- [X] c\\n  - [ ] d\\n- [] e
1. [ ] a\\n\\n2. [x] b
$a$ $ b $ $c$d $5 and $10 \\\\$e\\\\$
$$a$$ $$\\nb\\n$$ $$c
\\\\(a\\\\) \\\\[b\\\\] \\\\(c
```math\\n\\\\frac{a}{b}\\n```
$\\\\frac{a}$ $\\\\text{<b>}$ $`a`$
- $$\\n  a\\n  $$\\n- b
\\u05e9\\u05dc\\u05d5\\u05dd\\n\\n- \\u05e9\\n\\n# \\u05e9
\\U0001f600 e\\u0301 \\ufeff \\u202e
a\\r\\nb\\r\\n\\r\\nc\\rd
\\x00 \\ud800 \\udfff a
\\t
\\n\\n\\na\\n\\n\\n
-
+
1.
>
#
```
|
$
[
!
\\\\
&
"""


def examples() -> list[str]:
    """Return every example as the text that it stands for."""
    lines = EXAMPLES.splitlines()
    return ["", ANSWER, *(_text(line) for line in lines)]


def _text(line: str) -> str:
    return line.encode("ascii").decode("unicode_escape")
