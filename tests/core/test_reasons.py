"""Sentences for what reading a file raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.reasons import why


def raised(act: Callable[[], object]) -> Exception:
    with pytest.raises((OSError, ValueError, KeyError, yaml.YAMLError)) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: open("/no/such/place"), "no such file or directory"),  # noqa: SIM115
        (lambda: Path("/").read_text(), "is a directory"),
        (lambda: b"ab\xff".decode(), "byte 3 is no UTF-8 text"),
        (lambda: json.loads('{"a": }'), "line 1, column 7: expecting value"),
        (lambda: yaml.safe_load("a: [1\nb: 2"), "line 2, column 2: expected ',' or ']'"),
        (lambda: {}["name"], "it has no 'name'"),
        (lambda: int("x"), "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_what_is_said(act: Callable[[], object], text: str) -> None:
    assert why(raised(act)).startswith(text)


@given(st.integers(1, 130), st.text())
def test_no_number_of_the_system_is_shown(number: int, text: str) -> None:
    said = why(OSError(number, text or "x"))
    assert said
    assert "Errno" not in said or "Errno" in text


def test_numbers_inside_a_text_go_too() -> None:
    assert why(ValueError("[Errno 111] Connection refused")) == "connection refused"
    assert why(ValueError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")) == (
        "certificate verify failed"
    )
