"""A named tool, for an engine that can only be told that some tool must be called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, ok, post

from ostler.faces.gateway.choice import one_of
from ostler.faces.gateway.messages import Model

texts = st.text(max_size=5)
names = st.sampled_from(["weather", "time", "na\u00efve"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def tool(name: str, *, flat: bool) -> dict[str, Any]:
    said = {"name": name, "parameters": {"type": "object"}}
    return {"type": "function", **said} if flat else {"type": "function", "function": said}


def chosen(name: str, *, flat: bool) -> dict[str, Any]:
    said = {"name": name}
    return {"type": "function", **said} if flat else {"type": "function", "function": said}


@given(
    more=st.dictionaries(texts, values, max_size=3), name=names, flat=st.booleans(),
    spaces=st.sampled_from([None, 1]),
)  # fmt: skip
def test_the_named_tool_is_the_only_one_and_required(
    more: dict[str, Any], name: str, flat: bool, spaces: int | None
) -> None:
    tools = [tool(one, flat=flat) for one in ("weather", "time", "na\u00efve")]
    body = {**more, "tools": tools, "tool_choice": chosen(name, flat=flat)}
    told = json.loads(one_of(json.dumps(body, indent=spaces).encode()))
    assert told == {**body, "tools": [tool(name, flat=flat)], "tool_choice": "required"}


@given(st.dictionaries(st.sampled_from(["tools", "tool_choice", "model"]), values) | values)
def test_whatever_names_no_tool_goes_as_it_came(said: Any) -> None:
    body = json.dumps(said).encode()
    assert one_of(body) == body


@pytest.mark.parametrize("choice", ["auto", "none", "required", chosen("nobody", flat=False)])
def test_another_choice_goes_as_it_came(choice: Any) -> None:
    body = json.dumps({"tools": [tool("weather", flat=False)], "tool_choice": choice}).encode()
    assert one_of(body) == body
    assert one_of(body[:-1]) == body[:-1]


@pytest.mark.parametrize("names_tool", [True, False])
def test_an_engine_is_told_in_the_way_that_it_knows(
    gateway: Gateway, engine: Puppet, names_tool: bool
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(names_tool=names_tool),))})
    tools = [tool("weather", flat=False), tool("time", flat=False)]
    named = {"model": "m", "tools": tools, "tool_choice": chosen("time", flat=False)}
    plain = {"model": "m", "messages": []}
    caller = gateway.connect()
    for turn, body in enumerate([plain, named, plain, named]):  # by the short way, and not
        caller.send(post(body, path=b"/v1/chat/completions"))
        wire = engine.wires[0] if turn else engine.accept()
        got = json.loads(wire.message().body)
        wire.send(ok(b"{}"))
        assert caller.message().status == 200
        changed = {"tools": [tools[1]], "tool_choice": "required"}
        assert got == (body if names_tool or body is plain else {**body, **changed})
