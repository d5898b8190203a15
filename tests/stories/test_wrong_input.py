"""Whatever goes wrong: a sentence, the next command, an exit code of its own, nothing half kept."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import HubForTests
from tests.stories.conftest import CHAT, SHIPPED, Done, Shell, environment

from ostler import data
from ostler.errors import every
from ostler.testing.faults import Answer, CutAfter, FlipByte


@pytest.fixture
def at_fault(tmp_path: Path, hub: HubForTests) -> Shell:
    """A user of the hub that can misbehave."""
    return Shell(environment(tmp_path / "home", hub.address))


def refused(done: Done, code: int, *words: str) -> None:
    """The command failed with its own code, in one sentence with a next step."""
    assert done.code == code, (done.out, done.err)
    assert done.err.count("Error:") == 1
    for word in words:
        assert word in done.err
    assert len(done.err.strip().splitlines()) >= 2, f"no next step: {done.err}"


def nothing_kept(shell: Shell) -> None:
    assert shell.ok("ls", "--json").json() == []
    assert shell.ok("verify", "--json").json() == []


@pytest.mark.parametrize("ref", ["a/b/c", "nope", "acme/ti ny", "../../etc/passwd", "acme/-x"])
def test_a_malformed_reference_reaches_no_network(
    at_fault: Shell, hub: HubForTests, ref: str
) -> None:
    refused(at_fault.run("pull", ref), 2, "not a repository id")
    assert hub.faults.requests == []


def test_a_missing_repository(at_fault: Shell) -> None:
    refused(at_fault.run("pull", "acme/nobody"), 6, "acme/nobody")
    nothing_kept(at_fault)


def test_a_missing_revision(at_fault: Shell) -> None:
    refused(at_fault.run("pull", "acme/tiny@v9"), 20, "v9")


def test_a_gated_repository(at_fault: Shell) -> None:
    refused(at_fault.run("pull", "acme/gated"), 5, "gated", "/acme/gated")
    nothing_kept(at_fault)


def test_a_rejected_token_is_not_shown(at_fault: Shell) -> None:
    done = at_fault.run("pull", "acme/tiny", HF_TOKEN="hf_of_nobody")
    refused(done, 7, "token")
    assert "hf_of_nobody" not in done.out + done.err


def test_no_such_quantization_lists_those_that_exist(at_fault: Shell) -> None:
    refused(at_fault.run("pull", "acme/tiny-GGUF#q6_k"), 3, "q4_k_m", "q8_0")
    nothing_kept(at_fault)


def test_incomplete_shards_start_no_download(at_fault: Shell, hub: HubForTests) -> None:
    hub.path("acme/tiny/model-00002-of-00002.safetensors").unlink()
    refused(at_fault.run("pull", "acme/tiny"), 9, "model-00002-of-00002.safetensors")
    assert hub.faults.asked("*/resolve/*") == []


def test_corrupt_bytes_are_not_kept(at_fault: Shell, hub: HubForTests) -> None:
    hub.faults.add("*/tiny-Q4_K_M.gguf", FlipByte(1000))
    refused(at_fault.run("pull", "acme/tiny-GGUF#q4_k_m"), 11, "tiny-Q4_K_M.gguf")
    nothing_kept(at_fault)


def test_a_file_that_is_not_what_its_name_says(at_fault: Shell) -> None:
    """The hub's hash is right, but the bytes are no GGUF."""
    refused(at_fault.run("pull", "acme/tiny-GGUF#q4_k_m"), 19, "tiny-Q4_K_M.gguf")
    nothing_kept(at_fault)


def test_a_hub_that_is_not_there(at_fault: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        refused(at_fault.run("pull", "acme/tiny", "--endpoint", address), 12, address)


def test_a_hub_that_dies_half_way_can_be_gone_on_with(at_fault: Shell, hub: HubForTests) -> None:
    path = "*/resolve/*/model-00001-of-00002.safetensors"
    hub.faults.add(path, CutAfter(100), times=1)
    hub.faults.add(path, Answer(503, {"Retry-After": "9999"}))
    refused(at_fault.run("pull", "acme/tiny"), 12)
    nothing_kept(at_fault)
    hub.faults.clear()
    at_fault.ok("pull", "acme/tiny")
    assert at_fault.ok("verify", "--json").json()[0]["clean"]


OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")


@pytest.mark.skipif(
    subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode != 0,
    reason="this system lets nobody have mounts of their own",
)
def test_a_disk_that_is_too_small(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "small"
    home.mkdir()
    pull = [sys.executable, "-m", "ostler", "--home", str(home), "pull", f"{CHAT}#f32"]
    script = 'mount -t tmpfs -o size=2m tmpfs "$0" && "$@"; code=$?; find "$0"; exit $code'
    argv = [*OWN_MOUNTS, "sh", "-c", script, str(home), *pull]
    done = subprocess.run(argv, env=shell.env, capture_output=True, text=True, check=False)
    refused(Done(done.returncode, done.stdout, done.stderr), 10, "MB free")
    assert "blobs" not in done.stdout


def test_an_unknown_model(shell: Shell) -> None:
    refused(shell.run("info", "ostler/nobody", "--offline"), 44, "ostler/nobody")
    refused(shell.run("rm", "ostler/nobody", "--yes"), 15)


def test_commands_that_need_the_server_say_so(shell: Shell) -> None:
    refused(shell.run("stop", "--all"), 23, "ostler serve")
    assert "No server" in shell.ok("ps").out


def test_a_taken_port(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(shell.run("serve", "--port", port), 14, port)
        refused(shell.run("hub", "serve", str(SHIPPED), "--port", port), 14, port)


def test_an_open_address_needs_a_key(shell: Shell) -> None:
    refused(shell.run("serve", "--host", "0.0.0.0", "--port", "0"), 2, "key")


def test_an_engine_that_cannot_is_refused_with_the_reason(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    refused(shell.run("run", CHAT, "Hi", "--engine", "mlx"), 17, "reads safetensors")
    refused(shell.run("run", CHAT, "Hi", "--engine", "sglang"), 17, "given safetensors")
    refused(shell.run("run", CHAT, "Hi", "--engine", "nothing"), 17, "llamacpp")


def test_a_model_that_does_not_fit(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    long = ("run", CHAT, "Hi", "--context", "2000000000")
    refused(shell.run(*long, "--flag", "rope-scaling=yarn"), 18, "GiB")


def test_a_context_that_is_too_long(shell: Shell) -> None:
    """Asked for one model it is refused; said for all, a model gets as much as it takes."""
    shell.ok("pull", f"{CHAT}#q8_0")
    for command in (["run", CHAT, "Hi"], ["add", CHAT], ["export", "systemd", CHAT]):
        longest = "--max-model-len" if command[0] == "add" else "--context"
        refused(shell.run(*command, longest, "9999"), 16, "the model takes 2,048")
    assert not (Path(shell.env["OSTLER_HOME"]) / "ostler.yaml").exists(), "taken back"
    said = shell.ok("run", CHAT, "Hi", "--max-tokens", "1", OSTLER_CONTEXT="9999").err
    assert "with a context of 2048" in said


def test_a_prompt_that_is_too_long(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    done = shell.run("run", CHAT, "hello " * 3000)
    refused(done, 16, "context")


def pulled_weights(shell: Shell) -> Path:
    """Pull a model; return its file of weights, which may be written."""
    shell.ok("pull", f"{CHAT}#q8_0")
    blobs = Path(shell.env["OSTLER_HOME"]).glob("blobs/sha256/*/*")
    blob = next(path for path in blobs if path.read_bytes()[:4] == b"GGUF")
    blob.chmod(0o600)
    return blob


def test_a_file_that_was_cut_off_is_given_to_no_engine(shell: Shell) -> None:
    blob = pulled_weights(shell)
    blob.write_bytes(blob.read_bytes()[:-4096])
    refused(shell.run("run", CHAT, "Hi"), 1, "verify")
    refused(shell.run("verify"), 1, CHAT)


def test_an_engine_that_dies_at_its_start(shell: Shell) -> None:
    """A tensor has another name since it was verified, which only the engine misses."""
    blob = pulled_weights(shell)
    whole = blob.read_bytes()
    assert whole.count(b"blk.0.attn_q.weight") == 1
    blob.write_bytes(whole.replace(b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"))
    done = shell.run("run", CHAT, "Hi")
    assert done.code == 13, done.err
    assert "Error:" in done.err
    refused(shell.run("verify"), 1, CHAT)


def test_an_architecture_that_no_engine_loads(at_fault: Shell, hub: HubForTests) -> None:
    """It is refused before a byte of its weights is asked for whole, and again before a start."""
    name, odd = "acme/odd", "NeverHeardOfForCausalLM"
    shutil.copytree(SHIPPED / "ostler/tiny-llama", hub.path(name))
    vllm = data.architectures()["vllm"]
    said = f"vllm {vllm.version} ({vllm.date}) loads {len(vllm.names)}"
    config = json.loads(hub.path(f"{name}/config.json").read_text())
    config |= {"architectures": [odd], "model_type": "never_heard_of"}
    hub.path(f"{name}/config.json").write_text(json.dumps(config))
    refused(at_fault.run("run", name, "Hi"), 55, odd, "transformers", "--architectures")
    nothing_kept(at_fault)
    at_fault.ok("pull", name)  # to keep it is another matter
    refused(at_fault.run("run", name, "Hi"), 55, odd, said)
    refused(at_fault.run("engine", name, "--engine", "vllm"), 55, "vllm does not load")
    error = at_fault.run("engine", name, "--json").json()["error"]
    assert error["code"] == "unsupported_architecture"
    whole = at_fault.ok("engine", "vllm", "--architectures")
    assert whole.out.split() == error["facts"]["lists"]["vllm"]["names"]
    assert "LlamaForCausalLM" in whole.out.split()
    listed = at_fault.ok("engine", "vllm", "--architectures", "--json").json()
    assert listed["count"] == len(whole.out.split())
    refused(at_fault.run("engine", "nobody", "--architectures"), 2, "llamacpp")


def test_errors_as_json_carry_their_stable_code(shell: Shell) -> None:
    done = shell.run("pull", "a/b/c", "--json")
    error = json.loads(done.out.splitlines()[-1])["error"]
    assert error["code"] == "bad_ref"
    assert error["message"]
    assert error["hint"]


def test_a_wrong_command_says_which_is_meant(shell: Shell) -> None:
    done = shell.run("pul")
    assert done.code == 2
    assert "'pull'" in done.err


def test_every_kind_of_refusal_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in every()]
    assert len(codes) == len(set(codes))
    exits: dict[int, list[str]] = {}
    for kind in every():
        exits.setdefault(kind.exit_code, []).append(kind.code)
    shared = {number: names for number, names in exits.items() if len(names) > 1}
    # Usage errors share 2 as shells expect; 1 is the general failure and damage found.
    assert set(shared) <= {1, 2}


def test_a_mirror_of_no_hub_is_refused_before_it_listens(shell: Shell) -> None:
    refused(shell.run("hub", "serve", "--store", "--upstream", "nonsense"), 2, "address of a hub")
