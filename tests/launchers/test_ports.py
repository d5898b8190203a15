"""Ports for engines."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ostler.errors import PortInUse, UsageError
from ostler.launchers.ports import free_port, is_free, of_home, port_range, turned
from ostler.settings import Settings

HOST = "127.0.0.1"


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        assert not is_free(HOST, taken)
        assert free_port(HOST, range(taken, taken + 50)) > taken
        with pytest.raises(PortInUse, match="Every port"):
            free_port(HOST, range(taken, taken + 1))


def test_a_port_promised_to_another_is_passed_over() -> None:
    ports = port_range("21900-21909")
    first = free_port(HOST, ports)
    assert free_port(HOST, ports, taken={first}) > first


def test_homes_begin_at_different_ports_and_may_take_all() -> None:
    orders = [of_home("21900-21999", Path(f"/home/{name}/.ostler")) for name in "abcdefgh"]
    assert len({order[0] for order in orders}) >= 6
    assert all(sorted(order) == list(range(21900, 22000)) for order in orders)
    assert of_home("8080", Path("/a")) == (8080,)


def test_a_port_that_was_just_left_is_free() -> None:
    """A connection that the server closed lingers; a server could listen there all the same."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            server.accept()[0].close()
            client.recv(1)
    assert is_free(HOST, port)


@pytest.mark.parametrize(
    ("text", "ports"), [("21000-21999", range(21000, 22000)), ("8080", range(8080, 8081))]
)
def test_ranges(text: str, ports: range) -> None:
    assert port_range(text) == ports


@pytest.mark.parametrize("text", ["", "a-b", "3-2", "0-5", "65530-70000", "21000-", "-5", "1-2-3"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UsageError):
        port_range(text)


def test_the_default_range_is_below_the_ephemeral_one() -> None:
    assert port_range(Settings().engine_ports)[-1] < 32768


def test_a_port_is_given_again_only_after_all_others() -> None:
    ports, given = of_home("21900-21904", Path("/a")), []
    for _ in range(12):
        given.append(ports[0])
        ports = turned(ports, ports[0])
    assert all(given[at] not in given[at + 1 : at + 5] for at in range(8))
    assert sorted(ports) == list(range(21900, 21905))
