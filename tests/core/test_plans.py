"""Which files a pull takes, what a removal frees, what a sweep drops."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import plans
from ostler.errors import (
    EngineUnsupported,
    FileNotInRepo,
    IncompleteShards,
    QuantizationNotFound,
    UnsafePath,
)
from ostler.nouns import KeptFile, Listing, Manifest, PullPlan, RemoteFile


def listing(*paths: str, size: int = 1_000_000) -> Listing:
    files = tuple(RemoteFile(path, size, sha256=f"{at:064x}") for at, path in enumerate(paths))
    return Listing("hf", "acme/tiny", "c" * 40, files)


def fetched(plan: PullPlan) -> set[str]:
    return {one.file.path for one in plan.fetch}


def because(plan: PullPlan) -> dict[str, str]:
    return {one.file.path: one.because for one in (*plan.fetch, *plan.have, *plan.ignored)}


LLAMA = (
    "README.md", "LICENSE.txt", "config.json", "generation_config.json", "tokenizer.json",
    "tokenizer.model", "chat_template.jinja", "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors", "model.safetensors.index.json",
    "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
    "pytorch_model.bin.index.json", "original/consolidated.00.pth", "original/params.json",
    "onnx/model.onnx", "tf_model.h5", "flax_model.msgpack", "training_args.bin", ".gitattributes",
    "picture.png", "1_Pooling/config.json", "2_Dense/model.safetensors",
)  # fmt: skip


def test_safetensors_come_with_all_that_loading_needs_and_without_copies() -> None:
    plan = plans.pull_plan(listing(*LLAMA), ())
    assert fetched(plan) == {
        "README.md", "LICENSE.txt", "config.json", "generation_config.json", "tokenizer.json",
        "tokenizer.model", "chat_template.jinja", "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors", "model.safetensors.index.json",
        "1_Pooling/config.json", "2_Dense/model.safetensors",
    }  # fmt: skip
    assert plan.variant == "safetensors"
    notes = " ".join(plan.notes)
    assert "2.0 MB in the same weights in another format" in notes
    assert "5.0 MB in copies for other frameworks" in notes


def test_every_file_has_its_reason() -> None:
    plan = plans.pull_plan(listing(*LLAMA), ())
    reasons = because(plan)
    assert set(reasons) == set(LLAMA)
    assert all(reasons.values())
    assert reasons["pytorch_model-00001-of-00002.bin"] == "another format: pytorch"
    assert reasons["training_args.bin"].startswith("state of the training")


GGUF = ("README.md", "config.json", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-f16.gguf")


def test_one_quantization_and_its_small_files() -> None:
    plan = plans.pull_plan(listing(*GGUF), (), quant="q8_0")
    assert fetched(plan) == {"README.md", "config.json", "m-Q8_0.gguf"}
    assert because(plan)["m-Q4_K_M.gguf"] == "another choice: q4_k_m"
    assert "1.0 MB in other quantizations" in " ".join(plan.notes)


def test_the_platform_decides_between_formats_unless_a_name_does() -> None:
    mixed = listing(*GGUF, "model.safetensors")
    assert plans.pull_plan(mixed, (), platform="cpu").variant == "q4_k_m"
    assert plans.pull_plan(mixed, (), platform="nvidia").variant == "safetensors"
    assert plans.pull_plan(mixed, (), platform="nvidia", quant="q8_0").variant == "q8_0"


def test_include_and_exclude_take_exactly_those() -> None:
    plan = plans.pull_plan(
        listing(*LLAMA), (), include=("*.safetensors", "*.json"), exclude=("1_*", "2_Dense/")
    )
    assert fetched(plan) == {
        path
        for path in LLAMA
        if path.endswith((".safetensors", ".json")) and not path.startswith(("1_", "2_"))
    }


def test_everything_means_everything() -> None:
    assert fetched(plans.pull_plan(listing(*LLAMA), (), everything=True)) == set(LLAMA)


def test_excluding_a_shard_is_allowed_and_said() -> None:
    plan = plans.pull_plan(listing(*LLAMA), (), exclude=("*-00001-of-00002.safetensors",))
    assert "will not be servable" in " ".join(plan.notes)


def test_raw_checkpoints_are_said_to_be_raw() -> None:
    plan = plans.pull_plan(listing("consolidated.00.pth", "params.json"), ())
    assert "not in Transformers format" in plan.notes[-1]
    assert "-hf: the same model" in plan.notes[-1]
    with pytest.raises(EngineUnsupported, match="not in Transformers format") as refused:
        plans.pull_plan(listing("consolidated.00.pth", "params.json"), (), platform="nvidia")
    assert "-hf" in refused.value.hint
    plan = plans.pull_plan(listing("pytorch_model.bin", "config.json"), ())
    assert "not in Transformers format" not in " ".join(plan.notes)


def test_refusals() -> None:
    with pytest.raises(QuantizationNotFound):
        plans.pull_plan(listing(*GGUF), (), quant="q5_k_m")
    with pytest.raises(IncompleteShards):
        plans.pull_plan(listing("m-Q8_0-00001-of-00002.gguf"), ())
    with pytest.raises(UnsafePath):
        plans.pull_plan(listing(*GGUF, "../../etc/cron.d/x"), ())
    with pytest.raises(FileNotInRepo):
        plans.pull_plan(listing(*GGUF), (), include=("*.bin",))
    nameless = Listing("hf", "a/b", "c" * 40, (RemoteFile("config.json", 3),))
    with pytest.raises(FileNotInRepo, match="no hash"):
        plans.pull_plan(nameless, ())


NAMES = st.sets(st.sampled_from([*LLAMA, *GGUF, "m-F16.gguf", "notes/x.txt"]), min_size=1)


@given(NAMES, st.data(), st.booleans())
def test_a_plan_accounts_for_every_file_once(
    names: set[str], data: st.DataObject, everything: bool
) -> None:
    repo = listing(*sorted(names))
    have = data.draw(st.sets(st.sampled_from([file.sha256 for file in repo.files])))
    try:
        plan = plans.pull_plan(repo, have, everything=everything)
    except (FileNotInRepo, IncompleteShards, QuantizationNotFound):
        return
    told = [one.file.path for one in (*plan.fetch, *plan.have, *plan.ignored)]
    assert sorted(told) == sorted(names)
    assert all(one.file.sha256 in have for one in plan.have)
    assert not any(one.file.sha256 in have for one in plan.fetch)
    assert plan.total_bytes == sum(one.file.size for one in (*plan.fetch, *plan.have))


CONTENT = st.sampled_from([f"{at:064x}" for at in range(6)])
FILES = st.dictionaries(
    st.sampled_from(["config.json", "m-Q4_0.gguf", "m-Q8_0.gguf", "README.md"]), CONTENT, min_size=1
).map(lambda files: tuple(KeptFile(path, 10, sha) for path, sha in sorted(files.items())))
MANIFESTS = st.lists(FILES, min_size=1, max_size=4).map(
    lambda several: [
        Manifest("hf", f"acme/m{at}", "c" * 40, files) for at, files in enumerate(several)
    ]
)


@given(MANIFESTS, st.sets(CONTENT))
def test_a_sweep_takes_exactly_what_nobody_names(
    manifests: list[Manifest], blobs: set[str]
) -> None:
    named = {file.sha256 for manifest in manifests for file in manifest.files}
    gone = plans.sweep(manifests, blobs)
    assert gone.isdisjoint(named)
    assert gone | (blobs & named) == blobs


@given(MANIFESTS, st.sampled_from([None, "q4_0", "q8_0"]))
def test_a_removal_frees_nothing_that_is_still_named(
    manifests: list[Manifest], variant: str | None
) -> None:
    target = manifests[0]
    try:
        removal = plans.removal(target, variant, manifests)
    except QuantizationNotFound:
        assert variant
        return
    stay = [*manifests[1:], *([removal.remaining] if removal.remaining else [])]
    named = {file.sha256 for manifest in stay for file in manifest.files}
    assert removal.freed.isdisjoint(named)
    assert removal.freed | removal.shared == {file.sha256 for file in removal.files}
    # afterwards a sweep has nothing more to find of this model
    before = {file.sha256 for manifest in manifests for file in manifest.files}
    assert plans.sweep(stay, before) == removal.freed
    if variant is None:
        assert removal.remaining is None


def test_a_content_that_stays_under_another_name_is_not_freed() -> None:
    same, own = "1" * 64, "2" * 64
    files = (KeptFile("m-Q4_0.gguf", 10, same), KeptFile("m-Q8_0.gguf", 10, same),
             KeptFile("README.md", 1, own))  # fmt: skip
    removal = plans.removal(Manifest("hf", "a/b", "c" * 40, files), "q4_0", [])
    assert (removal.freed, removal.shared) == (frozenset(), {same})


def test_the_last_variant_takes_the_rest_with_it() -> None:
    files = tuple(
        KeptFile(path, 10, f"{at:064x}")
        for at, path in enumerate(["README.md", "m-Q4_0.gguf", "m-Q8_0.gguf"])
    )
    both = Manifest("hf", "a/b", "c" * 40, files)
    first = plans.removal(both, "q4_0", [both])
    assert [file.path for file in first.files] == ["m-Q4_0.gguf"]
    assert first.remaining == replace(both, files=(files[0], files[2]))
    last = plans.removal(first.remaining, "q8_0", [first.remaining])
    assert last.remaining is None
    assert last.freed_bytes == 20
