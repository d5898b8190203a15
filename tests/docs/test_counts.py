"""One is one: how many there are is written by `counted`, so that nobody reads "1 files"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostler.core.sizes import counted

SOURCE = Path(__file__).resolve().parents[2] / "src/ostler"
THINGS = {
    "blocks", "bookings", "cores", "damages", "days", "downloads", "entries", "errors", "files",
    "findings", "items", "jobs", "keys", "models", "offers", "pods", "prices", "requests",
    "things", "times", "tries",
}  # fmt: skip
# The number is told apart before, or is never one.
TOLD_APART = {
    "core/headers/gguf.py", "core/labels.py", "core/memory/cache.py",
    "engines/infinity.py", "faces/cli/history.py", "faces/cli/log_known.py",
}  # fmt: skip


def loose(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every `{number} things` of an f-string."""
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        for number, after in zip(text.values, text.values[1:], strict=False):
            if not (isinstance(number, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            word, *_ = str(after.value)[1:].split(" ")
            plain = str(after.value).startswith(" ") and word.strip(".,:;)") in THINGS
            if plain and not is_counted(number.value):
                yield text.lineno, f"{ast.unparse(number.value)} {word}"


def is_counted(value: ast.expr) -> bool:
    """Whether what stands before is a text already: a size, a word, a choice of words."""
    if isinstance(value, ast.Name) and value.id.isupper():  # a bound of ours
        return True
    if isinstance(value, ast.Call):
        return not (isinstance(value.func, ast.Name) and value.func.id == "len")
    return isinstance(value, ast.IfExp | ast.Constant | ast.BoolOp | ast.BinOp)


def test_counts_are_written_by_one_helper() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {said}"
        for path in sorted(SOURCE.rglob("*.py"))
        if str(path.relative_to(SOURCE)) not in TOLD_APART
        for line, said in loose(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


def test_a_loose_count_is_seen() -> None:
    assert list(loose(ast.parse('f"{len(found)} files."')))
    assert not list(loose(ast.parse("f\"{counted(3, 'file')} of it\"")))


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 tries"), (1, "1 try"), (2, "2 tries"), (1200, "1,200 tries")]
)
def test_counted(number: int, said: str) -> None:
    assert counted(number, "try", "tries") == said
