"""A page in memory that takes patches as htmx 2 does: a tree, and out-of-band swaps on it."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input"}
PARENTS = {
    "tr": {"tbody", "thead"},
    "td": {"tr"},
    "th": {"tr"},
    "tbody": {"table"},
    "thead": {"table"},
}


class Node:
    def __init__(self, tag: str, attributes: dict[str, str] | None = None) -> None:
        self.tag = tag
        self.attributes = attributes or {}
        self.children: list[Node | str] = []
        self.parent: Node | None = None

    def append(self, child: Node | str) -> None:
        if isinstance(child, Node):
            child.parent = self
        self.children.append(child)

    def walk(self):
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.walk()

    def place(self) -> int:
        return next(i for i, child in enumerate(self.parent.children) if child is self)

    def insert_before(self, children: list[Node | str], at: int) -> None:
        for child in children:
            if isinstance(child, Node):
                child.parent = self
        self.children[at:at] = children

    def html(self) -> str:
        inner = "".join(
            child.html() if isinstance(child, Node) else escape(child, quote=False)
            for child in self.children
        )
        if self.tag == "#root":
            return inner
        named = "".join(f' {name}="{value}"' for name, value in sorted(self.attributes.items()))
        return f"<{self.tag}{named}>{inner}" + ("" if self.tag in VOID else f"</{self.tag}>")


class Parser(HTMLParser):
    """Refuses what a browser's parser would mend, so that the tree is what a browser has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Node("#root")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in PARENTS:
            assert self.at.tag in PARENTS[tag], f"<{tag}> in <{self.at.tag}>"
        if self.at.tag in {"table", "tbody", "thead", "tr"}:
            assert tag in PARENTS, f"<{tag}> in <{self.at.tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs})
        assert len(node.attributes) == len(attrs), "an attribute twice"
        self.at.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.at.tag, f"</{tag}> in <{self.at.tag}>"
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        assert self.at.tag not in {"table", "tbody", "thead", "tr"}, f"text in <{self.at.tag}>"
        if self.at.children and isinstance(self.at.children[-1], str):
            self.at.children[-1] += data
        else:
            self.at.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")


def parse(html: str) -> Node:
    parser = Parser()
    parser.feed(html)
    parser.close()
    assert parser.at is parser.root, f"<{parser.at.tag}> is not closed"
    return parser.root


class Page:
    """What a browser shows of one message."""

    def __init__(self, html: str) -> None:
        self.root = parse(html)

    def apply(self, patch: str) -> None:
        """Each top-level element is one swap; targets are looked up at its turn."""
        for element in list(parse(patch).children):
            assert isinstance(element, Node), f"text between swaps: {element!r}"
            how, _, selector = element.attributes.pop("hx-swap-oob").partition(":")
            targets = self.select(selector or f"#{element.attributes['id']}")
            assert len(targets) == 1, f"{len(targets)} targets for {selector or element.html()}"
            swap(how, targets[0], element)
            ids = [node.attributes["id"] for node in self.root.walk() if "id" in node.attributes]
            named = [name for name in ids if selector != f"#{name}"]
            assert len(named) - len(set(named)) <= 1, "more than the slot's old and new together"

    def select(self, selector: str) -> list[Node]:
        """Understands `#id` and `#id~#id`."""
        first, *later = re.findall(r"#([\w-]+)", selector)
        found = [node for node in self.root.walk() if node.attributes.get("id") == first]
        if not later:
            return found
        return [node for node in found if any(_is_later(node, other) for other in found)]

    def html(self) -> str:
        """The page's HTML without the names of containers and with text nodes joined."""
        return normal(self.root.html())


def _is_later(node: Node, other: Node) -> bool:
    return node is not other and node.parent is other.parent and other.place() < node.place()


def swap(how: str, target: Node, element: Node) -> None:
    parent, at = target.parent, target.place()
    children = element.children
    if how == "delete":
        del parent.children[at]
    elif how == "beforebegin":
        parent.insert_before(children, at)
    elif how == "afterend":
        parent.insert_before(children, at + 1)
    elif how == "innerHTML":
        target.children = []
        target.insert_before(children, 0)
    elif how in ("true", "outerHTML"):
        parent.insert_before([element], at)
        del parent.children[at + 1]
    else:
        raise AssertionError(f"unknown swap {how}")


def normal(html: str) -> str:
    """Attributes in order, containers without their names."""
    return re.sub(r' id="[\w-]+-c\d+"', "", parse(html).html())
