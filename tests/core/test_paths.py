"""File names from outside never lead out of the folder they are joined to."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import paths
from ostler.errors import UnsafePath


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a\\b", "a\0b", "a\nb", "", "a//b", "a/", "./a", "C:/x",
     "C:x", "\ud800", "x" * 256, "é" * 128],
)  # fmt: skip
def test_refused(name: str) -> None:
    with pytest.raises(UnsafePath):
        paths.refuse_unsafe(["config.json", name])


@pytest.mark.parametrize(
    "name", ["config.json", "a/b/c.gguf", ".gitattributes", "a..b", "模型.bin"]
)
def test_allowed(name: str) -> None:
    paths.refuse_unsafe([name])


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b/c", "a/b"], ["a", "a"]])
def test_names_that_cannot_lie_beside_each_other(names: list[str]) -> None:
    with pytest.raises(UnsafePath):
        paths.refuse_unsafe(names)


@given(st.text("ab./\\\0:", max_size=12) | st.text(max_size=20))
def test_what_is_allowed_stays_inside(name: str) -> None:
    try:
        paths.refuse_unsafe([name])
    except UnsafePath:
        return
    assert posixpath.normpath(posixpath.join("/store/model", name)).startswith("/store/model/")


@pytest.mark.parametrize("name", ["NUL", "a/con.txt", "aux", "COM1.gguf", "x/lpt9", "nul .bin"])
def test_names_of_devices_are_refused(name: str) -> None:
    with pytest.raises(UnsafePath, match="names a device"):
        paths.refuse_unsafe([name])


@pytest.mark.parametrize(
    ("one", "other"),
    [("README.md", "readme.md"), ("a/B", "A/b"), ("caf\u00e9", "cafe\u0301"), ("a", "A/b")],
)
def test_names_that_some_file_systems_take_for_one_are_refused(one: str, other: str) -> None:
    with pytest.raises(UnsafePath):
        paths.refuse_unsafe([one, other])
    paths.refuse_unsafe(["console", "comms/com10", "nullify.txt", "a", "b/A"])
