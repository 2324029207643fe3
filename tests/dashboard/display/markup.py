"""HTML as tests look at it: parsed, so that text can be told from elements and attributes."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(
    {"input", "img", "link", "meta", "br", "hr", "base", "source", "wbr", "col", "area", "embed"}
)


@dataclass
class Element:
    """An element with its children in order; text is a str among them."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below, in order."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def elements(self) -> list["Element"]:
        """This element and all below."""
        below = [child.elements for child in self.children if isinstance(child, Element)]
        return [self, *(element for group in below for element in group)]

    def with_class(self, name: str) -> list["Element"]:
        """The elements below of one class."""
        return [e for e in self.elements if name in e.attributes.get("class", "").split()]

    def by_id(self, name: str) -> "Element | None":
        """The element of this id, which must be the only one."""
        found = [element for element in self.elements if element.attributes.get("id") == name]
        assert len(found) <= 1, f"{len(found)} elements have the id {name}"
        return found[0] if found else None


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [Element("root", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.stack[-1].children.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


def parse(html: str) -> Element:
    """The tree of `html`; an AssertionError when its tags do not match."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert len(builder.stack) == 1, f"<{builder.stack[-1].tag}> is never closed"
    return builder.stack[0]


def skeleton(element: Element) -> tuple:
    """Tags and attribute names without any text or value: what agents must never change."""
    # What warns of a text is ours, and there for some texts alone.
    below = [child for child in element.children if isinstance(child, Element)]
    children = [skeleton(child) for child in below if child.attributes.get("class") != "warnings"]
    chips = [child for child in children if child[0] != "span.chip"]
    name = "span.chip" if element.attributes.get("class") == "chip" else element.tag
    return (name, tuple(sorted(element.attributes)), tuple(chips))
