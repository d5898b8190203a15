"""What is kept and what could be, over the API of a real server: shown, proven, moved, removed."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.stories.conftest import CHAT, EMBED, RERANK, Inn

from ostler.faces.client.client import Ostler

PATIENCE = 60.0


@pytest.fixture(scope="module")
def client(inn: Inn) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=inn.address, timeout=PATIENCE) as client:
        yield client


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code
    return error


def ended(client: httpx2.Client, work: httpx2.Response) -> dict[str, Any]:
    """Wait for a piece of work to end, and return it."""
    assert work.status_code == 202, work.text
    deadline = time.monotonic() + PATIENCE
    while True:
        said: dict[str, Any] = client.get(f"/api/jobs/{work.json()['id']}").json()
        if said["ended"] is not None:
            return said
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ids(client: httpx2.Client) -> set[str]:
    return {one["id"] for one in client.get("/api/store").json()["models"]}


def acts(client: httpx2.Client, subject: str) -> list[tuple[str, str, str]]:
    found = client.get("/api/audit", params={"subject": subject}).json()
    return [(one["act"], one["outcome"], one["actor"]) for one in found]


# --- what is kept -----------------------------------------------------------------------------


def test_the_store_is_shown_with_its_sizes(client: httpx2.Client, inn: Inn) -> None:
    store = client.get("/api/store").json()
    assert store["home"] == inn.shell.env["OSTLER_HOME"]
    assert store["physical_bytes"] == store["logical_bytes"] > 1_000_000
    (chat,) = [one for one in store["models"] if one["name"] == CHAT]
    assert (chat["id"], chat["quantization"], chat["licence"]) == (
        f"{CHAT}#q8_0", "q8_0", "apache-2.0",
    )  # fmt: skip
    assert chat["bytes"] == chat["own_bytes"]
    assert chat["origin"] == inn.shell.env["HF_ENDPOINT"]
    one = client.get(f"/api/store/{CHAT}").json()
    weights = [file for file in one["files"] if file["weights"]]
    assert sum(file["bytes"] for file in weights) == chat["bytes"]
    assert all(len(file["sha256"]) == 64 for file in one["files"])
    assert one["terms"]["licence_name"] == "Apache License 2.0"
    assert [tried["outcome"] for tried in one["downloads"]] == ["done"]
    refused(client.get("/api/store/org/none"), 404, "unknown_model")


def test_a_removal_is_planned_done_and_taken_back(client: httpx2.Client) -> None:
    before = client.get("/api/store").json()
    planned = client.delete(f"/api/store/{RERANK}", params={"dry_run": True}).json()
    assert (planned["removed"], planned["freed_bytes"]) == (False, 0)
    assert client.get("/api/store").json()["models"] == before["models"]
    removed = client.delete(f"/api/store/{RERANK}").json()
    assert removed["removed"]
    assert removed["frees_bytes"] == planned["frees_bytes"] > 0
    assert removed["until"] > before["models"][0]["pulled_at"]
    assert f"{RERANK}#f32" not in ids(client)
    refused(client.get(f"/models/{RERANK}/health"), 404, "unknown_model")  # the server has seen it
    (thrown,) = client.get("/api/trash").json()
    assert thrown["models"][0]["name"] == RERANK
    shown = client.post("/api/trash/restore", json={"model": RERANK}, params={"dry_run": True})
    assert (shown.json()["restored"], len(client.get("/api/trash").json())) == (False, 1)
    assert client.post("/api/trash/restore", json={}).json() == {
        "restored": True, "bytes": thrown["bytes"], "models": [RERANK],
        "changed": [], "diff": "", "notes": [],
    }  # fmt: skip
    assert client.get("/api/store").json()["models"] == before["models"]
    assert client.get("/api/trash").json() == []
    refused(client.post("/api/trash/restore", json={}), 404, "unknown_model")
    assert [one[:2] for one in acts(client, RERANK)][-2:] == [("rm", "done"), ("undo", "done")]


def test_a_loaded_model_is_removed_by_force_alone(client: httpx2.Client) -> None:
    client.post(f"/api/models/{EMBED}/load")
    error = refused(client.delete(f"/api/store/{EMBED}"), 409, "in_use")
    assert EMBED in error["message"]
    planned = client.delete(f"/api/store/{EMBED}", params={"force": True, "dry_run": True}).json()
    assert planned["stops"] == [f"{EMBED}#f32"]
    assert client.get(f"/models/{EMBED}/health").status_code == 200
    assert client.delete(f"/api/store/{EMBED}", params={"force": True}).json()["removed"]
    assert f"{EMBED}#f32" not in ids(client)
    assert [one["id"] for one in client.get("/api/models").json()] == []
    client.post("/api/trash/restore", json={"model": EMBED})
    assert f"{EMBED}#f32" in ids(client)


# --- work that takes a while ------------------------------------------------------------------


def test_damage_is_found_shown_and_mended(client: httpx2.Client, inn: Inn) -> None:
    clean = ended(client, client.post(f"/api/store/{CHAT}/verify", json={}))
    assert (clean["state"], clean["result"]["clean"]) == ("done", True)
    assert clean["done"] == clean["total"] == clean["result"]["bytes"]
    (file,) = [
        one for one in client.get(f"/api/store/{CHAT}").json()["files"] if one["weights"]
    ]  # fmt: skip
    sha = file["sha256"]
    blob = Path(inn.shell.env["OSTLER_HOME"], "blobs/sha256", sha[:2], sha)
    whole = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(whole[:1000] + b"\0\1" + whole[1002:])
    found = ended(client, client.post(f"/api/store/{CHAT}/verify", json={}))
    assert (found["state"], found["error"]["code"]) == ("failed", "damaged_model")
    (chat,) = [one for one in client.get("/api/store").json()["models"] if one["name"] == CHAT]
    assert chat["damaged"]
    mended = ended(client, client.post(f"/api/store/{CHAT}/verify", json={"repair": True}))
    assert (mended["kind"], mended["state"]) == ("repair", "done"), mended
    assert [one["path"] for one in mended["result"]["mended"]] == [file["path"]]
    assert blob.read_bytes() == whole
    assert [one[:2] for one in acts(client, CHAT)][-3:] == [
        ("verify", "done"), ("verify", "failed"), ("repair", "done"),
    ]  # fmt: skip
    refused(client.post("/api/store/org/none/verify", json={}), 404, "unknown_model")
    refused(client.get("/api/jobs/00000000"), 404, "unknown_job")
    refused(client.delete("/api/jobs/00000000"), 404, "unknown_job")


def test_a_model_goes_to_another_disk_and_comes_back(client: httpx2.Client, tmp_path: Path) -> None:
    to = str(tmp_path / "cold")
    way = f"/api/store/{RERANK}/archive"
    plan = client.post(way, json={"to": to}, params={"dry_run": True})
    assert (plan.status_code, plan.json()["fits"], plan.json()["at"]) == (200, True, to)
    assert not Path(to).exists()
    refused(client.post(way, json={"to": "cold"}), 400, "usage")
    gone = ended(client, client.post(way, json={"to": to}))
    assert (gone["state"], gone["result"]["to"]) == ("done", to)
    assert gone["result"]["freed_bytes"] == plan.json()["copy_bytes"]
    assert f"{RERANK}#f32" not in ids(client)
    (away,) = client.get("/api/archived").json()
    assert (away["name"], away["at"]) == (RERANK, to)
    back = f"/api/archived/{RERANK}/restore"
    plan = client.post(back, json={}, params={"dry_run": True})
    assert (plan.status_code, plan.json()["copy_bytes"]) == (200, gone["result"]["freed_bytes"])
    assert ended(client, client.post(back, json={}))["state"] == "done"
    assert f"{RERANK}#f32" in ids(client)
    assert client.get("/api/archived").json() == []
    refused(client.post(back, json={}), 404, "unknown_model")


def test_weights_are_made_smaller_as_a_job(client: httpx2.Client, inn: Inn) -> None:
    inn.shell.ok("pull", f"{CHAT}#f32", "--quiet")
    asked = {"model": f"{CHAT}#f32", "to": "q8_0", "name": "local/smaller"}
    plan = client.post("/api/quantizations", json=asked, params={"dry_run": True})
    assert plan.status_code == 200, plan.text
    assert plan.json()["bytes_after"] < plan.json()["bytes_before"]
    done = ended(client, client.post("/api/quantizations", json={**asked, "anew": True}))
    assert (done["state"], done["result"]["name"]) == ("done", "local/smaller"), done
    models = client.get("/api/store").json()["models"]
    (made,) = [one for one in models if one["name"] == "local/smaller"]
    assert made["derived_from"].partition("@")[0] == f"hf:{CHAT}"
    wrong = {**asked, "to": "q99"}
    refused(client.post("/api/quantizations", json=wrong, params={"dry_run": True}), 400, "usage")


def test_a_model_is_added_whole(client: httpx2.Client, inn: Inn) -> None:
    asked = {"model": "ostler/tiny-embed-GGUF", "context": 128, "name": "vectors"}
    plan = client.post("/api/additions", json=asked, params={"dry_run": True})
    assert plan.status_code == 200, plan.text
    assert [one["step"] for one in plan.json()["steps"]][-1] == "test"
    done = ended(client, client.post("/api/additions", json=asked))
    assert done["state"] == "done", done
    answer = client.post("/v1/embeddings", json={"model": "vectors", "input": "cat"})
    assert answer.status_code == 200
    wrong = ended(client, client.post("/api/additions", json={"model": "ostler/nobody"}))
    assert (wrong["state"], wrong["error"]["code"]) == ("failed", "model_not_found")
    inn.shell.ok("unload", EMBED)


def test_a_tiny_model_comes_along(client: httpx2.Client, inn: Inn) -> None:
    here = ended(client, client.post("/api/samples", json={"task": "rerank"}))
    assert (here["state"], here["result"]["name"]) == ("done", RERANK)
    inn.shell.ok("rm", RERANK, "--purge", "--yes")
    made = ended(client, client.post("/api/samples", json={"task": "rerank"}))
    assert (made["kind"], made["state"]) == ("sample", "done"), made
    (one,) = [one for one in client.get("/api/store").json()["models"] if one["name"] == RERANK]
    assert one["commit"] == made["result"]["commit"] != here["result"]["commit"]
    inn.shell.ok("rm", RERANK, "--purge", "--yes")
    inn.shell.ok("pull", RERANK, "--quiet")
    refused(client.post("/api/samples", json={"task": "sing"}), 422, "invalid_request")


# --- what could be ----------------------------------------------------------------------------


def test_a_hub_is_searched_and_a_pull_is_planned(client: httpx2.Client, inn: Inn) -> None:
    hits = client.get("/api/search", params={"words": "tiny-llama"}).json()
    found = {one["name"]: one for one in hits["results"]}
    assert (found[CHAT]["local"], found["ostler/tiny-llama"]["local"]) == (True, False)
    assert found[CHAT]["commercial_use"] == "allowed"
    assert hits["hub_error"] is None
    kept = ids(client)
    plan = client.post("/api/pulls/plan", json={"model": "ostler/tiny-llama"}).json()
    fetched = [one for one in plan["files"] if one["act"] == "fetch"]
    assert sum(one["bytes"] for one in fetched) == plan["fetch_bytes"] == plan["total_bytes"]
    assert (plan["fits"], plan["gated"], plan["terms"]["licence"]) == (True, None, "apache-2.0")
    assert ids(client) == kept
    both = client.post("/api/pulls/plan", json={"model": f"{CHAT}#f32"}).json()
    assert {"f32", "q8_0"} == {one["name"] for one in both["variants"]}
    refused(client.post("/api/pulls/plan", json={"model": "ostler/nobody"}), 404, "model_not_found")
    refused(client.post("/api/pulls/plan", json={"model": "a b/c"}), 400, "bad_ref")
    none = client.post("/api/pulls/plan", json={"model": f"{CHAT}#q2_k"})
    refused(none, 404, "quantization_not_found")


@pytest.mark.parametrize(
    "asked",
    [
        {"model": CHAT, "context": 1024, "sequences": 3},
        {"model": f"{CHAT}#q8_0", "kv_dtype": "q8_0", "margin_percent": 20},
        {"model": "ostler/tiny-llama", "gpu": "L4", "tensor_parallel": 2},
        {"model": f"{CHAT}#q8_0", "quantization": "q4_k_m", "what_if": True, "gpu": "RTX 4090"},
        {"model": "llama-3.1-8b", "gpu": "L4", "context": 8192, "kv_dtype": "fp8"},
    ],
)
def test_a_fit_adds_up_and_its_command_says_the_same(
    client: httpx2.Client, inn: Inn, asked: dict[str, Any]
) -> None:
    if asked["model"] == CHAT:
        asked = {**asked, "model": f"{CHAT}#q8_0"}
    found = client.post("/api/fits", json=asked).json()
    assert sum(one["bytes"] for one in found["terms"]) == found["total_bytes"]
    assert found["total_bytes"] + found["margin"]["bytes"] == found["required_bytes"]
    assert all(one["because"] for one in found["terms"])
    said = inn.shell.ok(*shlex.split(found["command"])[1:], "--json").json()
    same = ("id", "engine", "context", "sequences", "terms", "total_bytes", "margin",
            "required_bytes", "fits", "longest_context")  # fmt: skip
    assert {name: said[name] for name in same} == {name: found[name] for name in same}
    for one in found["gpus"]:
        assert (one["room_bytes"] >= found["required_bytes"]) or not one["fits"], one
        assert one["usd_per_hour"] is None or one["offered"]


def test_a_model_that_is_nowhere_is_estimated_from_the_catalogue(client: httpx2.Client) -> None:
    asked = {"model": "llama-3.1-8b", "gpu": "L4", "context": 32768, "sequences": 4}
    found = client.post("/api/fits", json=asked).json()
    assert (found["fits"], found["kept"]) == (False, False)
    assert found["changes"]
    assert found["longest_context"] < 32768
    assert "config.json" in found["notes"][-1]
    less = {**asked, "context": found["longest_context"], "sequences": 1}
    assert client.post("/api/fits", json=less).json()["fits"]
    refused(client.post("/api/fits", json={**asked, "context": 10**7}), 400, "context_too_long")
    refused(client.post("/api/fits", json={**asked, "gpu": "L44"}), 404, "unknown_gpu")
    refused(client.post("/api/fits", json={"model": "ostler/nobody"}), 404, "model_not_found")
    refused(client.post("/api/fits", json={**asked, "tensor_parallel": 3}), 409, "impossible_split")


def test_gpus_prices_guide_and_advice(client: httpx2.Client) -> None:
    (l4,) = client.get("/api/gpus", params={"name": "L4"}).json()
    assert (l4["usable_known"], l4["offers"][0]["gpu"]) == (True, "L4")
    assert all(one["memory_gb"] >= 80
               for one in client.get("/api/gpus", params={"memory_gb": 80}).json())  # fmt: skip
    prices = [one["usd_per_hour"] for one in client.get("/api/prices?gpu=L4").json()]
    known = [one for one in prices if one is not None]
    assert known == sorted(known)
    assert prices[len(known) :] == [None] * (len(prices) - len(known))
    rows = client.get("/api/catalogue").json()
    memory = [one["total_bytes"] for one in rows if one["total_bytes"]]
    assert memory == sorted(memory)
    guide = client.get("/api/guide", params={"platform": "cpu", "use": "coding"}).json()
    assert guide
    assert all(one["platform"] == "cpu" for one in guide)
    asked = {"task": "coding", "budget": 1.0, "context": 32768}
    best = client.post("/api/recommendations", json=asked).json()
    assert best["recommended"]["offer"]["usd_per_hour"] <= 1.0
    assert best["reason"].startswith(best["recommended"]["model"])
    none = client.post("/api/recommendations", json={**asked, "budget": 0.01}).json()
    assert none["recommended"] is None
    assert none["closest"]
    one = client.post("/api/recommendations", json={"model": "llama-3.1-8b", "hours": 4}).json()
    offer = one["recommended"]["offer"]
    assert offer["cost_usd"] == pytest.approx(4 * offer["usd_per_hour"])
    refused(client.post("/api/recommendations", json={}), 400, "usage")


# --- why, and who -----------------------------------------------------------------------------


def test_what_is_wrong_is_said(client: httpx2.Client, inn: Inn) -> None:
    why = client.get(f"/api/why/{CHAT}%23q8_0").json()
    assert why["state"] in ("ok", "info"), why
    why = client.get("/api/why/llama-3.1-8b", params={"offline": True}).json()
    assert (why["state"], why["findings"][-1]["fix"][:11]) == ("fail", "ostler pull")
    checks = {one["check"] for one in client.get("/api/doctor?offline=true").json()["findings"]}
    assert {"disk", "permissions", "server", "prices"} <= checks
    assert client.get("/api/sync").json()["in_sync"]
    out = Path(inn.shell.env["OSTLER_HOME"]).parent / "unit.service"
    inn.shell.ok("export", "systemd", f"{CHAT}#q8_0", "--out", str(out))
    written = out.read_text()
    out.write_text(written + "# by hand\n")
    assert not client.get("/api/sync").json()["in_sync"]
    planned = client.post("/api/sync", params={"dry_run": True}).json()
    assert "-# by hand" in planned["diff"]
    assert "# by hand" in out.read_text()
    done = client.post("/api/sync").json()
    assert (done["in_sync"], done["wrote"], out.read_text()) == (True, True, written)


def test_the_client_has_the_same_operations(inn: Inn) -> None:
    with Ostler(inn.address) as ostler:
        assert f"{CHAT}#q8_0" in [one.id for one in ostler.store().models]
        assert ostler.verify_model(RERANK).state == "done"
        assert ostler.search("tiny-rerank").results[0].local
        assert ostler.plan_download("ostler/tiny-llama").fits
        assert ostler.fit(CHAT + "#q8_0", context=512).context == 512
        planned = ostler.remove_model(RERANK, dry_run=True)
        assert not planned.removed
        assert ostler.remove_model(RERANK).removed
        assert ostler.restore_model(RERANK).restored
        assert ostler.jobs()[0].kind == "verify"


def test_keys_of_users_may_not(client: httpx2.Client, inn: Inn) -> None:
    """The last test: from here on the server wants a key."""
    user = inn.shell.ok("keys", "create", "udo").out.strip()
    operator = inn.shell.ok("keys", "create", "olga", "--role", "operator").out.strip()
    with httpx2.Client(base_url=inn.address, timeout=PATIENCE) as asking:
        until(lambda: asking.get("/api/store").status_code == 401)
        asking.headers["authorization"] = f"Bearer {user}"
        refused(asking.get("/api/store"), 403, "forbidden")
        refused(asking.delete(f"/api/store/{RERANK}"), 403, "forbidden")
        refused(asking.post("/api/fits", json={"model": CHAT}), 403, "forbidden")
        asking.headers["authorization"] = f"Bearer {operator}"
        assert asking.delete(f"/api/store/{RERANK}").json()["removed"]
        assert asking.post("/api/trash/restore", json={}).json()["restored"]
        ended(asking, asking.post(f"/api/store/{RERANK}/verify", json={}))
        found = asking.get("/api/audit", params={"subject": RERANK}).json()
        assert [(one["act"], one["actor"]) for one in found][-3:] == [
            ("rm", "key:olga"), ("undo", "key:olga"), ("verify", "key:olga"),
        ]  # fmt: skip
