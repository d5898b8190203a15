"""The page of the seed's Triton repository says what is found and written now."""

from __future__ import annotations

from tools.seed_triton import PAGE, page


def test_the_page_is_what_is_found() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
