"""The law of tables: no line is wider than the room, and nothing is left out unsaid."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.cli.tables import Table, cells, lay, shortened, unbroken

WORD = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="`"), max_size=30
)
CELL = st.one_of(WORD, st.lists(WORD, max_size=12).map(" ".join), st.integers().map(str))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    titles = draw(st.lists(st.text("ABCDEF /", min_size=1, max_size=12), min_size=1, max_size=9,
                           unique=True))  # fmt: skip
    row = st.tuples(*(CELL for _ in titles))
    rows = draw(st.lists(row, min_size=1, max_size=6))
    right = frozenset(draw(st.sets(st.integers(0, len(titles) - 1))))
    return Table(tuple(titles), tuple(rows), right, tuple(draw(st.permutations(titles[1:]))[:3]))


@given(tables(), st.integers(50, 200))
def test_no_line_is_wider_than_the_room(table: Table, width: int) -> None:
    laid = lay(table, width)
    named = max(map(len, table.titles)) + 2
    for line in laid.lines:
        # Beside its title a value is whole; one word alone may be longer than any room.
        assert cells(line) <= width or (None not in laid.rows and len(line[named:].split()) == 1)
        assert line.isprintable()
    assert set(laid.left_out) <= set(table.spare)


@given(tables())
def test_without_a_terminal_it_is_whole(table: Table) -> None:
    laid = lay(table, None)
    assert len(laid.lines) == 1 + len(table.rows)
    assert "…" not in "".join(laid.lines) or any("…" in c for row in table.rows for c in row)
    assert not laid.left_out
    for row, line in zip(table.rows, laid.lines[1:], strict=True):
        for text in row:
            for word in text.split():
                assert not word.isprintable() or word in line


ROWS = (
    ("Qwen/Qwen2.5-Coder-32B-Instruct-GGUF#q4_k_m", "18.9 GB", "eu-north-1", "an hour ago"),
    ("a/b", "1.0 GB", "", "it needs more memory than there is, by 3.5 GiB on each of the GPUs"),
)
NAMED = Table(("MODEL", "SIZE", "REGION", "WHY"), ROWS, frozenset({1}), ("REGION",))


def test_what_gives_way_first() -> None:
    """Words wrap, then the spare column goes, then the name gives way, then rows stack."""
    at_120, at_100, at_60, at_24 = (lay(NAMED, width) for width in (120, 100, 60, 24))
    assert len(at_120.lines) > 3
    assert ROWS[0][0] in at_120.lines[1]
    assert "eu-north-1" in at_100.lines[1]
    assert at_60.left_out == ("REGION",)
    assert "Qwen/Qwe" in at_60.lines[1]
    assert "…" in at_60.lines[1]
    assert "18.9 GB" in at_60.lines[1]
    assert None not in at_24.rows
    assert any(line.endswith(ROWS[0][0]) for line in at_24.lines), "stacked names are whole"


def test_a_column_that_says_nothing_goes_unsaid() -> None:
    table = Table(("NAME", "NOTE", "SIZE"), (("x" * 25, "", "1"),), spare=("NOTE",))
    laid = lay(Table(table.titles, table.rows, table.right), 31)
    assert laid.rows[0] is None
    assert laid.left_out == ()
    assert "NOTE" not in laid.lines[0]


def test_a_name_from_outside_moves_no_cursor() -> None:
    laid = lay(Table(("MODEL",), (("evil\x1b[2J\nname",),)), None)
    assert laid.lines[1] == "evil\N{REPLACEMENT CHARACTER}[2J name"


def test_wide_letters_take_two() -> None:
    assert cells("模型") == 4
    assert cells(shortened("模型" * 20, 21)) <= 21


def test_a_command_in_a_sentence_is_not_broken() -> None:
    lines = unbroken("To mend it, run `ostler verify acme/tiny --repair` and look again.", 30)
    assert "`ostler verify acme/tiny --repair`" in lines
