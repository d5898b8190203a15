"""Licences: classified, bases followed, a policy by use; the strictest decides."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core.licences import (
    CLASSES,
    DECISIONS,
    RULES,
    USES,
    Terms,
    bases,
    classify,
    decide,
    policy,
    sentence,
)
from ostler.errors import UsageError

KNOWN = data.licences()
TAGS = [licence.tag for licence in KNOWN]


@pytest.mark.parametrize(
    ("stated", "tag", "commercial"),
    [
        ("apache-2.0", "apache-2.0", "allowed"),
        ("Apache 2.0", "apache-2.0", "allowed"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0", "not-allowed"),
        ("llama3.1", "llama3.1", "restricted"),
        ("tongyi-qianwen-research", "qwen-research", "not-allowed"),
        ("other", "other", "unknown"),
        (None, "(none)", "unknown"),
        ("", "(none)", "unknown"),
        ("my-own-licence", "my-own-licence", "unknown"),
        ("mit, cc-by-nc-4.0", "cc-by-nc-4.0", "not-allowed"),
    ],
)
def test_what_a_card_says(stated: str | None, tag: str, commercial: str) -> None:
    found = classify(stated, KNOWN)
    assert (found.tag, found.commercial) == (tag, commercial)


def test_bases_are_read_from_tags() -> None:
    tags = ["base_model:a/b", "base_model:quantized:a/b", "base_model:finetune:c/d", "license:mit",
            "base_model:adapter"]  # fmt: skip
    assert bases(tags) == ("a/b", "c/d")


def of(stated: str | None, *base: tuple[str, str | None]) -> Terms:
    return Terms(
        "m/m", stated, classify(stated, KNOWN), tuple((n, classify(s, KNOWN)) for n, s in base)
    )


def test_a_base_binds_what_was_made_from_it() -> None:
    terms = of("mit", ("meta-llama/Llama-3.1-8B", "llama3.1"))
    assert terms.commercial == "restricted"
    assert terms.strictest[0] == "meta-llama/Llama-3.1-8B"
    verdict = decide(terms, policy("commercial", {}, "test"))
    assert verdict.decision == "warn"
    assert "meta-llama/Llama-3.1-8B, its base, is llama3.1" in verdict.because


def test_a_base_that_nobody_asked_about_is_not_said_to_have_no_licence() -> None:
    verdict = decide(of("mit", ("org/base", None)), policy("private", {}, "test"))
    assert "the licence of org/base, its base, is not known here" in verdict.because
    assert "(none)" not in verdict.because


@pytest.mark.parametrize(
    ("use", "stated", "decision"),
    [
        ("private", "cc-by-nc-4.0", "allow"),
        ("private", None, "warn"),
        ("research", "cc-by-nc-4.0", "warn"),
        ("commercial", "apache-2.0", "allow"),
        ("commercial", "gemma", "warn"),
        ("commercial", "cc-by-nc-4.0", "block"),
        ("commercial", None, "block"),
    ],
)
def test_by_use(use: str, stated: str | None, decision: str) -> None:
    assert decide(of(stated), policy(use, {}, "test")).decision == decision


def test_the_operators_file_goes_first() -> None:
    said = {"use": "commercial", "rules": {"unknown": "warn"}, "block": ["GEMMA"], "allow": ["mrl"]}
    rules = policy("", said, "a file")
    assert rules.use == "commercial"
    assert decide(of(None), rules).decision == "warn"
    assert decide(of("gemma"), rules).decision == "block"
    assert decide(of("mrl"), rules).decision == "allow"
    assert decide(of("mistral-research-license"), rules).decision == "allow"  # another name of it
    assert policy("private", said, "a file").use == "private"  # the setting is stronger


@pytest.mark.parametrize(
    "said",
    [
        {"use": "military"},
        {"rules": {"allowed": "perhaps"}},
        {"rules": {"free": "allow"}},
        {"rules": []} | {"rules": ["allow"]},
        {"forbid": ["gemma"]},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        policy("", said, "a file")


STATED = st.none() | st.sampled_from(TAGS)


@given(STATED, st.lists(STATED, max_size=3), st.sampled_from(USES))
def test_a_base_never_loosens(stated: str | None, base: list[str | None], use: str) -> None:
    alone = of(stated)
    built = of(stated, *((f"b/{number}", one) for number, one in enumerate(base)))
    rules = policy(use, {}, "test")
    assert CLASSES.index(built.commercial) >= CLASSES.index(alone.commercial)
    order = DECISIONS.index
    assert order(decide(built, rules).decision) >= order(decide(alone, rules).decision)


def test_a_stricter_use_never_decides_looser() -> None:
    for use, next_use in pairwise(USES):
        for one in CLASSES:
            assert DECISIONS.index(RULES[next_use][one]) >= DECISIONS.index(RULES[use][one])


def test_a_sentence() -> None:
    assert sentence(KNOWN, "mit").startswith("mit (MIT License): commercial use allowed; ")
