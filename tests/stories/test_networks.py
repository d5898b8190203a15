"""A hub behind a certificate of one's own, and behind a proxy: from the command line, for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.network import certificate, proxy
from tests.stories.conftest import SHIPPED, Shell, environment

from ostler.faces.hub.app import hub_app
from ostler.faces.hub.folders import FolderRepos
from ostler.sources import CERTIFICATES
from ostler.testing.faults import Faults, RedirectTo
from ostler.testing.server import running

MODEL = "ostler/tiny-embed-GGUF"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path, Faults]]:
    chain, key = certificate(tmp_path)
    faults = Faults(hub_app(FolderRepos(SHIPPED)))
    with running(faults, (chain, key)) as address:
        yield address, chain, faults


def test_a_private_authority_is_named_by_ssl_cert_file(
    secure: tuple[str, Path, Faults], tmp_path: Path
) -> None:
    address, chain, _ = secure
    shell = Shell(environment(tmp_path / "home", address))
    unknown = shell.run("pull", MODEL, "--all")
    assert (unknown.code, "certificate" in unknown.err.lower()) == (12, True), unknown
    shell.ok("pull", MODEL, "--all", "--quiet", SSL_CERT_FILE=str(chain))
    assert shell.ok("verify", "--json").json()[0]["clean"]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_what_is_set_for_other_programs_holds_too(
    secure: tuple[str, Path, Faults], tmp_path: Path, name: str
) -> None:
    address, chain, _ = secure
    others = dict.fromkeys(CERTIFICATES, "")
    shell = Shell(environment(tmp_path / "home", address))
    for place in (chain, chain.parent):
        env = {**others, name: str(place)}
        if place.is_dir():
            subprocess.run(["openssl", "rehash", str(place)], check=True, capture_output=True)
        shell.ok("pull", MODEL, "--all", "--quiet", "--repair", **env)
    for wrong in (tmp_path / "nothing.pem", tmp_path / "home" / "ostler.db"):
        said = shell.run("pull", MODEL, **{**others, name: str(wrong)})
        assert (said.code, name in said.err, str(wrong) in said.err) == (2, True, True), said


def test_a_secure_hub_is_reached_through_a_tunnel(
    secure: tuple[str, Path, Faults], tmp_path: Path
) -> None:
    address, chain, faults = secure
    shell = Shell(environment(tmp_path / "home", address))
    with proxy() as (through, lines):
        env = {"https_proxy": through, "no_proxy": "", "SSL_CERT_FILE": str(chain)}
        shell.ok("pull", MODEL, "--all", "--quiet", **env)
    assert {line.split()[0] for line in lines} == {"CONNECT"}
    assert faults.requests  # and the proxy saw none of it


def test_a_plain_hub_is_reached_through_a_proxy(shell: Shell) -> None:
    hub = shell.env["HF_ENDPOINT"]
    with proxy() as (through, lines):
        shell.ok("pull", MODEL, "--all", "--quiet", http_proxy=through, no_proxy="")
        asked = len(lines)
        assert asked > 2
        assert all(line.split()[1].startswith(hub) for line in lines)
        shell.ok("search", "tiny", http_proxy=through, no_proxy="127.0.0.1")
        assert len(lines) == asked  # one that is excepted is not asked
    gone = shell.run("pull", "ostler/tiny-rerank", http_proxy=through, no_proxy="")
    assert gone.code == 12


def test_the_token_goes_through_a_proxy_and_not_to_another_host(
    secure: tuple[str, Path, Faults], tmp_path: Path
) -> None:
    address, chain, hub = secure
    other = Faults(hub.app)
    with running(other) as elsewhere, proxy() as (through, _):
        hub.add("*/resolve/*", RedirectTo(elsewhere))
        shell = Shell(environment(tmp_path / "home", address))
        env = {"https_proxy": through, "http_proxy": through, "no_proxy": ""}
        shell.ok("pull", MODEL, "--all", "-q", HF_TOKEN="hf_x", SSL_CERT_FILE=str(chain), **env)
    assert other.requests
    assert all("authorization" not in one.headers for one in other.requests)
    assert hub.asked("*/resolve/*", "GET")[0].headers["authorization"] == "Bearer hf_x"
