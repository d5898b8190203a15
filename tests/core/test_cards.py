"""Front matter is read with distrust."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import cards


def test_a_card_and_its_tags() -> None:
    card = cards.front_matter(
        "---\nlicense: mit\nlanguage:\n- en\n- de\nlibrary_name: transformers\n"
        "pipeline_tag: text-generation\nbase_model: acme/base\ntags: [tiny]\n"
        "date: 2026-01-02\nscore: .nan\n---\n# Text\n"
    )
    assert card["date"] == "2026-01-02"
    assert card["score"] == "nan"
    assert cards.tags(card, ["model.safetensors", "x-q8_0.gguf"]) == (
        "transformers", "safetensors", "gguf", "text-generation", "tiny", "en", "de",
        "base_model:acme/base", "license:mit",
    )  # fmt: skip


@pytest.mark.parametrize(
    "readme",
    [
        "",
        "# No front matter",
        "---\nlicense: mit\n",
        "---\n- a\n- list\n---\n",
        "---\n{broken: [\n---\n",
        "---\nwhen: 2026-99-99\n---\n",
        "---\na: &a [1]\nb: [*a, *a]\n---\n",
        "---\na: !!python/object/apply:os.getcwd []\n---\n",
        "---\na: " + "[" * 30_000 + "\n---\n",
    ],
)
def test_what_cannot_be_read_is_no_card(readme: str) -> None:
    assert cards.front_matter(readme) == {}


@given(st.text())
def test_any_text_gives_a_card_that_json_can_hold(text: str) -> None:
    json.dumps(cards.front_matter(f"---\n{text}\n---\n"), allow_nan=False)
