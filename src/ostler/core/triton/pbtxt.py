"""Protocol buffers' text format, as far as a config.pbtxt uses it: text -> nested fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

DEEPEST = 32  # messages within messages; Triton's own go eight deep
TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>-?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)f?)(?![A-Za-z_])
    |(?P<word>-?[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>[:{}\[\]<>,;])""",
    re.VERBOSE,
)
CLOSES = {"{": "}", "<": ">"}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class BadText(ValueError):
    """The text is not in this format; the message begins with line:column."""


@dataclass(frozen=True, slots=True)
class Word:
    """A name that is no text: an enum's value, or true and false."""

    name: str

    @property
    def truth(self) -> bool | None:
        """What it means as a boolean; None where it is none."""
        return {"true": True, "True": True, "t": True, "false": False, "False": False,
                "f": False}.get(self.name)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """Fields by name, each with all its values in their order."""

    fields: dict[str, list[object]] = field(default_factory=dict)

    def all(self, name: str) -> list[object]:
        """Return every value of a field."""
        return self.fields.get(name, [])

    def last(self, name: str) -> object | None:
        """Return the value that counts where a field may stand once; None where it is absent."""
        return self.fields[name][-1] if self.fields.get(name) else None

    def messages(self, name: str) -> list[Message]:
        """Return the values of a field that are messages."""
        return [one for one in self.all(name) if isinstance(one, Message)]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the text, and where it begins."""

    kind: str
    text: str
    at: int


def parse(text: str) -> Message:
    """Return the fields of a message. Raises BadText with line and column."""
    return _Reader(text).message("", 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [*self._split(), Token("end", "", len(text))]
        self.next = 0

    def _split(self) -> Iterator[Token]:
        at = 0
        while at < len(self.text):
            found = TOKEN.match(self.text, at)
            if found is None or found.lastgroup is None:
                raise self._bad(at, f"{self.text[at]!r} has no place here")
            if found.lastgroup != "space":
                yield Token(found.lastgroup, found[0], at)
            at = found.end()

    def message(self, closes: str, depth: int) -> Message:
        """Read fields up to the closing mark, or to the end where that is empty."""
        if depth > DEEPEST:
            raise self._bad(self._peek().at, f"messages are nested more than {DEEPEST} deep")
        found = Message()
        while not self._takes(closes):
            name = self._peek()
            if name.kind != "word":
                raise self._unexpected("the name of a field")
            self.next += 1
            found.fields.setdefault(name.text, []).extend(self._values(depth))
            self._takes(",") or self._takes(";")
        return found

    def _values(self, depth: int) -> list[object]:
        colon = self._takes(":")
        if self._takes("["):
            found: list[object] = []
            while not self._takes("]"):
                found.append(self._value(depth))
                if not self._takes(",") and self._peek().text != "]":
                    raise self._unexpected("a comma or ]")
            return found
        if not colon and self._peek().text not in CLOSES:
            raise self._unexpected("a colon")
        return [self._value(depth)]

    def _value(self, depth: int) -> object:
        token = self._peek()
        if token.text in CLOSES and token.kind == "mark":
            self.next += 1
            return self.message(CLOSES[token.text], depth + 1)
        if token.kind == "text":
            return self._text()
        self.next += 1
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "word":
            return Word(token.text)
        self.next -= 1
        raise self._unexpected("a value")

    def _text(self) -> str:
        """Read a text; several in a row are one."""
        parts: list[str] = []
        while self._peek().kind == "text":
            inner = self._peek().text[1:-1]
            parts.append(re.sub(r"\\(.)", lambda one: ESCAPES.get(one[1], one[1]), inner))
            self.next += 1
        return "".join(parts)

    def _peek(self) -> Token:
        return self.tokens[self.next]

    def _takes(self, mark: str) -> bool:
        """Go on if this mark is next; the empty mark is the end of the text."""
        token = self._peek()
        if (token.kind == "end") if not mark else (token.kind == "mark" and token.text == mark):
            self.next += token.kind != "end"
            return True
        return False

    def _unexpected(self, wanted: str) -> BadText:
        token = self._peek()
        found = "the text ends" if token.kind == "end" else f"{token.text!r} stands"
        return self._bad(token.at, f"{found} where {wanted} belongs")

    def _bad(self, at: int, why: str) -> BadText:
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        return BadText(f"{line}:{column}: {why}")


def _number(text: str) -> int | float:
    plain = text.lower()
    if plain.lstrip("-").startswith("0x"):
        return int(plain, 16)
    plain = plain.removesuffix("f")
    return float(plain) if any(letter in plain for letter in ".e") else int(plain)
