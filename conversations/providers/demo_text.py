"""What the demo says. Each part is chosen by a word of the question; see `PARTS`."""

import re

HONEST = "I am Parley's built-in demo, not a language model: nothing here was thought up for you."

INTRODUCTION = """I can show what an answer may look like. Put any of these words into a message:

| word | what it shows |
| --- | --- |
| **headings**, **list**, **tasks** | structure, nested lists, task lists |
| **table** | a table with aligned columns |
| **code** | code in several languages |
| **math** | formulas, within a line and on their own |
| **quote**, **footnote**, **link** | quotations, footnotes, links |
| **arabic** | text from right to left |
| **think** | reasoning before the answer |
| **long**, **short** | all of it, or hardly anything |
| **slow**, **fast** | the pace |
| **cut** | an answer cut by its length, to be continued |
| **error** | an answer that fails midway |

Several at once work too: *a table and code, slow*.

For real answers, ask your administrator to add a provider: any service that speaks OpenAI's format,
or a model on your own machine through Ollama, llama.cpp or LM Studio."""

HEADINGS = """## A heading

A paragraph under it, with **strong words**, *softer ones*, ~~a mistake~~ and `a name in code`.

### A smaller heading

Another paragraph. Its line is long enough to wrap in a narrow window, so that the rhythm of running
text can be seen beside everything else.

---

#### The smallest that is used here

And a last line."""

LISTS = """Things to take on a walk:

1. Something to drink
   - water
   - tea, if it is cold
     - green
     - black
2. Something to eat
   1. bread
   2. an apple
3. A map

And without an order:

- sun
- wind
- rain"""

TASKS = """Before a release:

- [x] the tests pass
- [x] the change log is written
- [ ] someone else has read it
  - [x] the code
  - [ ] the text"""

TABLE = """| Planet | Day in hours | Moons | Remark |
| :-- | --: | :-: | --- |
| Mercury | 4222.6 | 0 | the fastest year |
| Earth | 24.0 | 1 | you are here |
| Mars | 24.7 | 2 | nearly the same day |
| Jupiter | 9.9 | many | the shortest day |
| Neptune | 16.1 | 16 | the strongest wind |"""

CODE = '''In Python:

```python
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A place on the plane."""

    x: float
    y: float

    def distance(self, other: "Point") -> float:
        return ((self.x - other.x) ** 2 + (self.y - other.y) ** 2) ** 0.5
```

In JavaScript:

```javascript
const greet = (name = "world") => `Hello, ${name}!`;
console.log([1, 2, 3].map((n) => n * n), greet());
```

In Rust:

```rust
fn main() {
    let words = vec!["one", "two", "three"];
    for (i, word) in words.iter().enumerate() {
        println!("{i}: {word}");
    }
}
```

In SQL, and on a command line:

```sql
SELECT team, count(*) AS people FROM members GROUP BY team HAVING count(*) > 1;
```

```bash
for file in *.txt; do wc -w "$file"; done | sort -n
```'''

MATH = r"""The solutions of $ax^2 + bx + c = 0$ are

$$
x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
$$

and the sum of the first $n$ squares is

$$
\sum_{k=1}^{n} k^2 = \frac{n(n+1)(2n+1)}{6}
$$

while $e^{i\pi} + 1 = 0$ fits into a line."""

QUOTE = """> Everything should be as simple as it can be.
>
> > But not simpler, answers the second line.
>
> - so a quotation may hold a list
> - and `code`"""

FOOTNOTE = """A claim that needs a source[^1], and another one[^note].

[^1]: The source would be named here.
[^note]: A longer note, with *emphasis* and a [link](https://example.org/)."""

LINK = """A [link with a title](https://example.org/ "An example"), a bare one,
<https://example.org/path?query=1>, and one by reference: [the reference][ref].

[ref]: https://example.org/reference"""

ARABIC = """هذه فقرة باللغة العربية تُكتب من اليمين إلى اليسار، وفيها كلمة English واحدة والرقم 42.

- البند الأول
- البند الثاني

וזו שורה בעברית, עם מעט **הדגשה**."""

THOUGHTS = """The question holds words that I know. First I look which they are, then I put the parts
together in a fixed order. There is no model behind this, so these thoughts are the same each time.
Nothing remains to be decided, and the answer can begin."""

SHORT = "This is a short answer."
CLOSING = "That is the end of the demonstration."

PARTS: dict[str, tuple[str, str]] = {
    "headings": (r"headings?|headers?", HEADINGS),
    "list": (r"lists?|bullets?", LISTS),
    "tasks": (r"tasks?|todos?|checklist", TASKS),
    "table": (r"tables?", TABLE),
    "code": (r"code|python|javascript|rust|sql", CODE),
    "math": (r"math|maths|mathematics|formulas?|latex", MATH),
    "quote": (r"quotes?|quotations?", QUOTE),
    "footnote": (r"footnotes?", FOOTNOTE),
    "link": (r"links?", LINK),
    "arabic": (r"arabic|hebrew|rtl", ARABIC),
}


def asks(question: str, words: str) -> bool:
    """Whether one of the words, a pattern, stands in the question."""
    return re.search(rf"(?i)\b(?:{words})\b", question) is not None


def answer(question: str) -> str:
    """The whole answer: an honest sentence, then the parts that the question names."""
    parts = [text for words, text in PARTS.values() if asks(question, words)]
    if asks(question, "long"):
        everything = [text for _, text in PARTS.values()]
        parts = [f"# Part {n}\n\n" + "\n\n".join(everything) for n in (1, 2, 3)]
    if not parts:
        parts = [SHORT if asks(question, "short") else INTRODUCTION]
    closing = [CLOSING] if len(parts) > 1 else []
    return "\n\n".join([HONEST, *parts, *closing])


def thoughts(question: str) -> str:
    """The reasoning before the answer, if the question asks for it."""
    return THOUGHTS if asks(question, "think|thinking|reason|reasoning") else ""


def tokens(text: str) -> list[str]:
    """Pieces that make up `text`: a word each, with the blanks behind it."""
    return re.findall(r"\S+\s*|\s+", text)
