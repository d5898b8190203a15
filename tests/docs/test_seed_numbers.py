"""The page of the seeds' numbers says what is computed now."""

from __future__ import annotations

from tools.seed_numbers import PAGE, SOONG, page, total


def test_the_page_is_what_is_computed() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_formula_gives_all_eight_totals() -> None:
    assert [round(total(*model[1:4]), 1) for model in SOONG] == [model[4] for model in SOONG]
    assert "WRONG" not in page()
