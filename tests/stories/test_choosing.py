"""What a user sees who asks what to run, on what, for how much, and what the licence says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stories.conftest import CHAT, EMBED, Inn, Shell

ADD = (
    "models", "add", "--name", "mistral-nemo-12b",
    "--hf-path", "mistralai/Mistral-Nemo-Instruct-2407",
    "--params", "12", "--quantization", "fp16", "--context", "128000",
)  # fmt: skip


def test_gpus_and_their_prices(shell: Shell) -> None:
    out = shell.ok("gpus", "--vendor", "amd").out
    assert "MI300X" in out
    assert "RTX-4090" not in out
    one = shell.ok("gpus", "NVIDIA A100-SXM4-80GB", "--json").json()[0]
    assert one["name"] == "A100-80GB-SXM"
    assert one["usable_bytes"] == 81920 * 2**20
    assert one["offers"][0]["usd_per_hour"] <= one["offers"][-1]["usd_per_hour"]
    assert all(offer["source"] for offer in one["offers"])
    refused = shell.run("gpus", "A11x")
    assert refused.code == 29
    assert "Close to it" in refused.err


def test_a_newer_list_of_prices(shell: Shell, tmp_path: Path) -> None:
    types = {"data": {"gpu_1x_a10": {
        "instance_type": {"price_cents_per_hour": 1, "specs": {"gpus": 1}},
        "regions_with_capacity_available": [{"name": "us-west-1"}]}}}  # fmt: skip
    file = tmp_path / "types.json"
    file.write_text(json.dumps(types))
    planned = shell.ok("prices", "update", str(file), "--dry-run", "--json").json()
    assert planned["updated"] is False
    assert shell.ok("prices", "--provider", "lambda", "--json").json()[0]["region"] == ""
    shell.ok("prices", "update", str(file))
    (offer,) = shell.ok("prices", "--provider", "lambda", "--json").json()
    assert (offer["usd_per_hour"], offer["region"], offer["stale"]) == (0.01, "us-west-1", False)
    assert "0 days old" in shell.ok("prices", "--provider", "lambda").out
    assert shell.run("prices", "update").code == 2
    lost = shell.run(
        "prices", "update", "--from", "gpuhunt", GPUHUNT_CATALOG_URL="http://127.0.0.1:9"
    )
    assert (lost.code, "gpuhunt got no prices" in lost.err) == (12, True)
    assert "Traceback" not in lost.err


def test_suspect_prices_only_when_asked_for(shell: Shell) -> None:
    assert "SUSPECT" not in shell.ok("prices").out
    assert "SUSPECT" in shell.ok("prices", "--suspect").out


def test_recommended_within_a_budget(shell: Shell) -> None:
    asked = ("recommend", "--task", "coding", "--context", "32768")
    found = shell.ok(*asked, "--budget", "1.00", "--json").json()
    assert found["recommended"]["offer"]["usd_per_hour"] <= 1.00
    assert found["recommended"]["action"] == "deploy"
    assert found["reason"].endswith(".")
    assert found["reason"].split(". ")[1:] == []
    poor = shell.run(*asked, "--budget", "0.05")
    assert poor.code == 30
    assert "the closest is" in poor.out
    long = shell.run("recommend", "--task", "coding", "--context", "99999999", "--json")
    assert long.code == 30
    assert long.json()["recommended"] is None
    assert shell.run("recommend").code == 2


def test_the_gpus_for_one_model(shell: Shell) -> None:
    words = ("recommend", "deepseek-r1-70b", "--method", "soong", "--context", "8192")
    small = shell.run(*words, "--gpu", "A10", "--most-gpus", "1")
    assert small.code == 18
    assert "Selected GPU has 24GB but model needs ~44.5GB." in small.out
    found = shell.ok(*words, "--provider", "lambda", "--most-gpus", "1", "--hours", "4", "--json")
    best = found.json()["offers"][0]
    assert (best["instance"], best["usd_per_hour"]) == ("gpu_1x_a100_sxm4_80gb", 1.29)
    assert round(best["cost_usd"], 2) == 5.16
    x86 = shell.ok("recommend", "qwen2.5-coder-32b", "--arch", "x86_64", "--json").json()
    assert not any(offer["host"] == "arm64" for offer in x86["offers"])


def test_a_gpu_that_is_dearer_than_it_need_be(shell: Shell) -> None:
    words = ("recommend", "llama-3.1-8b", "--context", "8192", "--gpu")
    large = shell.ok(*words, "B200").out
    assert "Cheaper, and large enough:" in large
    small = shell.run(*words, "RTX-3070", "--json")
    assert small.code == 18
    assert small.json()["instead"]["fits"] is True
    assert shell.run(*words, "no-such-gpu").code == 29


def test_compared_side_by_side(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(
        "provider,instance_type,gpu,count,price_usd_per_hour\nours,a,RTX-A6000,1,0.60\n"
        "ours,b,A100-80GB-SXM,1,0.80\n"
    )
    shell.ok("prices", "update", str(file))
    words = ("compare", "deepseek-r1-70b", "llama-3.1-8b", "--provider", "ours", "--hours", "4")
    out = shell.ok(*words, "--method", "soong", "--format", "md").out
    assert out.splitlines()[1].startswith("| --- |")
    assert "| $0.80 | $3.20 |" in out
    assert "| $0.60 | $2.40 |" in out
    assert "llama-3.1-8b instead of deepseek-r1-70b saves $0.20/h (25 %)." in out
    lines = shell.ok(*words, "--format", "csv").out.splitlines()
    assert lines[0].startswith("Scenario,Model,")
    assert shell.run("compare", "llama-3.1-8b").code == 2
    none = shell.run("compare", "llama-3.1-8b", "kimi-k2", "--provider", "ours", "--json")
    assert none.code == 30
    assert [one["fits"] for one in none.json()["models"]] == [True, False]


def test_the_catalogue(shell: Shell) -> None:
    rows = shell.ok("models", "--json").json()
    assert len(rows) >= 60
    sizes = [row["total_bytes"] for row in rows if row["total_bytes"]]
    assert sizes == sorted(sizes)
    as_lamini = {"model_id", "model_name", "model_type", "status", "download_attempts"}
    assert as_lamini | {"prev_download_error", "prev_download_ts"} <= set(rows[0])
    info = shell.ok("models", "info", "deepseek-r1-70b", "--method", "soong", "--json").json()
    assert [term["bytes"] / 1e9 for term in info["estimate"]["terms"]] == [35.0, 4.0, 2.0, 3.5]
    assert info["total_bytes"] == sum(term["bytes"] for term in info["estimate"]["terms"])
    assert shell.ok("models", "info", "bge-m3", "--json").json()["embedding_dimensions"] == 1024
    text = shell.ok("models", "info", "meta-llama/Meta-Llama-3.1-8B-Instruct").out
    assert "700M monthly users" in text  # its licence's conditions
    unknown = shell.run("models", "info", "lama-3.1-8b")
    assert unknown.code == 15
    assert "Did you mean `llama-3.1-8b`" in unknown.err
    assert "Use 'ostler models' to see available models." in unknown.err


def test_ones_own_models(shell: Shell) -> None:
    missing = shell.run("models", "add", "--name", "x")
    assert missing.code == 2
    assert "When using flags, all options are required: --name, --hf-path, --params" in missing.err
    assert shell.run("models", "add").code == 2  # nobody to ask
    nowhere = shell.run(*ADD)  # our hub does not have it
    assert nowhere.code == 6
    assert shell.ok("models", "--own", "--json").json() == []
    added = shell.ok(*ADD, "--no-check")
    assert "Estimated VRAM: 32.4 GB" in added.out
    assert "Minimum GPU: 40 GB" in added.out
    assert "Model 'mistral-nemo-12b' added successfully!" in added.out
    assert "nobody looked" in added.err
    assert shell.run(*ADD, "--no-check").code == 2  # the name is taken
    wrong = shell.run(*ADD[:-3], "fp9", "--context", "100", "--no-check")
    assert "Invalid quantization 'fp9'. Must be one of: fp32, fp16" in wrong.err
    assert "context_length must be an integer >= 512" in wrong.err
    refused = shell.run("models", "remove", "mistral-nemo-12b")
    assert refused.code == 2
    assert "nothing was removed" in refused.err
    shell.ok("models", "remove", "mistral-nemo-12b", "--yes")
    assert "Cannot remove built-in model" in shell.run("models", "remove", "mistral-7b", "-y").err


def test_a_model_that_is_looked_up_before_it_is_added(shell: Shell) -> None:
    words = ("models", "add", "--name", "tiny", "--hf-path", "ostler/tiny-llama", "--params", "7")
    added = shell.ok(*words, "--quantization", "int4", "--context", "8192", "--json").json()
    assert added["checked"] is True
    codes = [one["code"] for one in added["differences"]]
    assert codes == ["quantization_mismatch", "parameters_mismatch", "context_exceeds_model"]
    assert shell.ok("models", "info", "tiny", "--json").json()["licence"] == "apache-2.0"


def test_what_is_kept_goes_first(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    said = ("--params", "0.001", "--quantization", "q8_0", "--context", "2048", "--no-check")
    shell.ok("models", "add", "--name", "tiny", "--hf-path", CHAT, "--task", "coding", *said)
    found = shell.ok("recommend", "--task", "coding", "--context", "2048", "--json").json()
    assert (found["recommended"]["model"], found["recommended"]["action"]) == ("tiny", "reuse")
    assert "is already kept here" in found["reason"]
    row = next(one for one in shell.ok("models", "--json").json() if one["id"] == "tiny")
    assert row["status"] == "available"
    assert row["download_attempts"] >= 1


def test_what_is_loaded_goes_before_what_is_kept(inn: Inn) -> None:
    said = ("--params", "0.001", "--quantization", "q8_0", "--context", "512", "--no-check")
    for name, repo, task in (("kept", EMBED, "embed"), ("loaded", CHAT, "embed")):
        inn.shell.ok("models", "add", "--name", name, "--hf-path", repo, "--task", task, *said)
    inn.shell.ok("unload", EMBED)  # an earlier story may have asked this server for it
    inn.shell.ok("load", f"{CHAT}#q8_0")
    found = inn.shell.ok("recommend", "--task", "embed", "--json").json()
    assert found["recommended"]["model"] == "loaded"
    assert "is already loaded here" in found["reason"]
    assert found["others"][0]["model"] == "kept"
    for name in ("kept", "loaded"):
        inn.shell.ok("models", "remove", name, "--yes")


def test_a_licence_that_is_blocked_and_accepted(shell: Shell) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir()
    (home / "licences.yaml").write_text("use: commercial\nblock: [apache-2.0]\n")
    refused = shell.run("pull", f"{CHAT}#q8_0", "--quiet")
    assert refused.code == 4
    assert "apache-2.0" in refused.err
    assert "licence (block)" in shell.ok("pull", f"{CHAT}#q8_0", "--dry-run").out
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet", "--accept-licence")
    (row,) = shell.ok("licences", "--json").json()
    assert row["decision"] == "block"
    assert row["accepted"]["texts"][0][0] == "README.md"
    assert row["source_file"] == "README.md"
    shell.ok("run", CHAT, "hi", "--max-tokens", "1")
    next(home.glob("licences/accepted/*.json")).unlink()
    assert shell.run("run", CHAT, "hi").code == 4  # also where it is kept already
    shell.ok("licences", "accept", CHAT)
    shell.ok("run", CHAT, "hi", "--max-tokens", "1")
    lines = shell.ok("licences", "--format", "csv").out.splitlines()
    assert lines[0].startswith("model,licence,commercial,policy")
    assert len(lines) == 2


def test_hours_are_quoted_booked_and_held_against_the_budget(shell: Shell) -> None:
    asked = ("cost", "quote", "qwen2.5-coder-32b", "--gpu", "A100-80GB-SXM", "--hours", "4")
    quoted = shell.ok(*asked, "--provider", "lambda", "--json").json()
    assert quoted["cents"] == round(quoted["offer"]["usd_per_hour"] * 400)
    assert quoted["standing"] == "no budget"

    book = ("cost", "book", "qwen2.5-coder-32b", "--hours", "4")
    alone = shell.run(*book, stdin="")
    assert (alone.code, "--yes" in alone.err) == (2, True)
    assert shell.ok(*book, "--dry-run", "--json").json()["booked"] is False
    assert "Nothing was booked" in shell.ok("cost", "report").out
    shell.ok(*book, "--usd", "5.16", "--yes")
    shell.ok("cost", "book", "llama-3.1-8b", "--usd", "1.29", "--yes")

    shell.env["OSTLER_MONTHLY_USD"] = "7"
    near = shell.ok("cost", "report", "--json").json()
    assert [(one["model"], one["cents"]) for one in near["models"]] == [
        ("qwen2.5-coder-32b", 516), ("llama-3.1-8b", 129),
    ]  # fmt: skip
    assert (near["standing"], near["spent_cents"], near["budget_cents"]) == ("near", 645, 700)
    over = shell.run(*book, "--usd", "1.00", "--yes", "--enforce")
    assert (over.code, "$0.45 over" in over.err) == (50, True)
    assert "$0.45 over" in shell.ok(*book, "--usd", "1.00", "--yes").out
    assert "$7.45" in shell.ok("cost", "report").out


def test_a_model_that_does_not_fit_is_not_booked_unless_forced(shell: Shell) -> None:
    small = ("cost", "book", "deepseek-r1", "--gpu", "A10", "--yes")
    refused = shell.run(*small)
    assert (refused.code, "does not fit" in refused.err) == (30, True)
    assert "Booked" in shell.ok(*small, "--force", "--usd", "2").out
    assert shell.run("cost", "report", "--month", "11-2026").code == 2
