"""Fit, as a user meets it: on a GPU that is not here, over all that is kept, and refused."""

from __future__ import annotations

import pytest
from tests.stories.conftest import CHAT, Shell


def test_fit_on_gpus_that_are_not_here(shell: Shell) -> None:
    one = shell.ok("fit", "ostler/tiny-llama", "--gpu", "L4", "--json").json()
    two = shell.ok("fit", "ostler/tiny-llama", "--gpu", "L4x2", "--json").json()
    assert (one["gpus"], two["gpus"], one["engine"]) == (1, 2, "vllm")
    assert one["total_bytes"] == sum(term["bytes"] for term in one["terms"])
    sizes = [{term["name"]: term["bytes"] for term in found["terms"]} for found in (one, two)]
    assert sizes[1]["KV cache"] * 2 == sizes[0]["KV cache"]
    assert sizes[1]["weights"] < sizes[0]["weights"]
    assert one["longest_context"] == 2048
    shown = shell.ok("fit", "ostler/tiny-llama", "--gpu", "2xL4").out
    assert "on each of 2 GPUs" in shown
    assert "Longest context on nvidia:0: 2,048 tokens, all that the model takes." in shown


def test_what_would_make_it_fit(shell: Shell) -> None:
    done = shell.run("fit", "ostler/tiny-llama", "--gpu", "L4", "--sequences", "30000")
    assert done.code == 18
    assert "It would fit with --kv-dtype fp8" in done.out
    older = shell.run("fit", "ostler/tiny-llama", "--gpu", "T4", "--sequences", "20000")
    assert "It would fit with --sequences" in older.out  # a T4 has no fp8
    assert "fp8" not in older.out


def test_fit_all(shell: Shell) -> None:
    assert "Nothing is kept" in shell.ok("fit", "--all").err
    shell.ok("pull", f"{CHAT}#q8_0")
    (row,) = shell.ok("fit", "--all", "--json").json()
    assert (row["id"], row["engine"], row["fits"]) == (f"{CHAT}#q8_0", "llamacpp", True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--gpu", "L4", "--tp", "3"), 41, "Take --tp of 1, 2, 4."),
        (("--gpu", "L44"), 29, "Close to it"),
        (("--context", "9999"), 16, "Take --context 2048 or less."),
        (("--context", "-1"), 2, "--context"),
        (("--sequences", "0"), 2, "--sequences"),
        (("--gpu", "L4x2", "--tp", "4"), 2, "--gpu L4x4"),
        (("--quant", "q4_k_m"), 3, "q4_k_m"),
        (("--quant", "fp9", "--what-if"), 3, "'fp9'"),
        (("--kv-dtype", "q8_0", "--gpu", "L4"), 2, "vllm keeps no KV cache of the type 'q8_0'"),
        (("--engine", "abacus", "--gpu", "L4"), 17, "abacus"),
        (("--all",), 2, "Name a model or say --all, not both."),
    ],
)
def test_wrong_wishes(shell: Shell, words: tuple[str, ...], code: int, said: str) -> None:
    done = shell.run("fit", "ostler/tiny-llama", *words)
    assert (done.code, said in done.err) == (code, True), done.err


def test_fit_over_the_catalogue_where_nothing_is_kept(shell: Shell) -> None:
    rows = {row["id"]: row for row in shell.ok("fit", "--all", "--catalogue", "--gpu", "L4",
                                               "--context", "8192", "--json").json()}  # fmt: skip
    assert len(rows) > 60
    assert (rows["qwen2.5-0.5b"]["fits"], rows["llama-3.1-405b"]["fits"]) == (True, False)
    unknown = [row for row in rows.values() if row["fits"] is None]
    assert all(row["required_bytes"] is None and row["because"] for row in unknown)
    lines = shell.ok("fit", "--all", "--catalogue", "--gpu", "L4").out.splitlines()
    assert len(lines) == len(rows) + 1
    assert shell.run("fit", "--catalogue").code == 2
