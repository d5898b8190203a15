"""Reading a model's files: kept in a store, on a hub by ranges, and damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from ostler.errors import CorruptFile, DamagedModel, FileNotInRepo
from ostler.nouns import (
    Format,
    KeptFile,
    Listing,
    Manifest,
    ModelFacts,
    ModelRef,
    RemoteFile,
    SearchResults,
    Task,
    Variant,
)
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.testing import weightfiles
from ostler.verbs.inspect import check_header, kept_facts, remote_facts

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
    "vocab_size": 8,
}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
REPO = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer_config.json": json.dumps({"chat_template": "x"}).encode(),
    SHARDS[0]: weightfiles.safetensors([("a", "BF16", (64, 300))]),
    SHARDS[1]: weightfiles.safetensors([("b", "BF16", (64, 8))]),
}
SAFETENSORS = Variant("safetensors", Format.SAFETENSORS, SHARDS)
GGUF = Variant("q8_0", Format.GGUF, ("m.gguf",))
TOKENS = [f"token{number}" for number in range(25_000)]
LLAMA = weightfiles.gguf(
    [("token_embd.weight", "Q8_0", (64, 25_000))],
    {
        "general.architecture": (8, "llama"),
        "llama.block_count": (4, 2),
        "llama.embedding_length": (4, 64),
        "llama.attention.head_count": (4, 4),
        "llama.context_length": (4, 2048),
        "tokenizer.ggml.tokens": (9, (8, TOKENS)),
        "general.file_type": (4, 7),
    },
)


def keep(home: Path, files: dict[str, bytes]) -> tuple[Store, Manifest]:
    """Keep a repository's files, as a pull does at its end."""
    store, kept = Store(home), []
    for path, content in files.items():
        digest = sha256(content).hexdigest()
        place = store.blob_path(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        kept.append(KeptFile(path, len(content), digest))
    return store, store.register(Manifest("hf", "acme/model", "c" * 40, tuple(kept)))


@dataclass
class FolderSource:
    """A source that counts what it sends; one without ranges sends from the first byte."""

    files: dict[str, bytes]
    ranges: bool = True
    sent: int = 0
    start: int = 0
    size: int | None = None
    _rest: bytes = field(default=b"", repr=False)

    def listing(self, ref: ModelRef) -> Listing:
        files = tuple(RemoteFile(path, len(content)) for path, content in self.files.items())
        return Listing("hf", ref.name, "c" * 40, files)

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[FolderSource]:
        content = self.files[file.path]
        self.start = start if self.ranges else 0
        self._rest = content[start:end] if self.ranges else content
        yield self

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self._rest), 50_000):
            chunk = self._rest[at : at + 50_000]
            self.sent += len(chunk)
            yield chunk

    def search(self, words: str, limit: int) -> SearchResults:
        return SearchResults(())


def from_source(source: FolderSource, variant: Variant) -> ModelFacts:
    return remote_facts(source, source.listing(ModelRef("acme/model")), variant)


def test_a_kept_model_is_read_from_its_blobs(tmp_path):
    found = kept_facts(*keep(tmp_path, REPO), SAFETENSORS)
    assert (found.architecture, found.task) == ("LlamaForCausalLM", Task.CHAT)
    assert (found.parameters, found.dtype) == (64 * 308, "BF16")
    assert found.weight_bytes == sum(len(REPO[path]) for path in SHARDS)
    assert found.chat_template


def test_a_model_on_a_hub_gives_the_same_facts(tmp_path):
    kept = kept_facts(*keep(tmp_path, REPO), SAFETENSORS)
    assert from_source(FolderSource(REPO), SAFETENSORS) == kept
    assert from_source(FolderSource(REPO, ranges=False), SAFETENSORS) == kept


def test_a_gguf_on_a_hub_is_known_by_its_first_bytes(tmp_path):
    with_ranges, without = FolderSource({"m.gguf": LLAMA}), FolderSource({"m.gguf": LLAMA}, False)
    found = from_source(with_ranges, GGUF)
    assert (found.layers, found.vocabulary, found.quantization) == (2, 25_000, "q8_0")
    assert with_ranges.sent == 4 * 128 * 1024  # the vocabulary does not fit in the first read
    assert len(LLAMA) > 1_700_000
    assert (
        from_source(without, GGUF) == found == kept_facts(*keep(tmp_path, {"m.gguf": LLAMA}), GGUF)
    )


def test_a_real_hub_is_asked_for_headers_only(hub):
    repo = hub.path("acme/model")
    repo.mkdir()
    for path, content in REPO.items():
        (repo / path).write_bytes(content)
    source = HuggingFace(hub.address)
    try:
        found = remote_facts(source, source.listing(ModelRef("acme/model")), SAFETENSORS)
    finally:
        source.close()
    assert (found.parameters, found.context_length) == (64 * 308, 2048)


def test_templates_of_their_own_file_count():
    files = {"m.gguf": LLAMA} | REPO | {"tokenizer_config.json": b"{}"}
    assert not from_source(FolderSource(files), SAFETENSORS).chat_template
    files["chat_template.jinja"] = b"x"
    assert from_source(FolderSource(files), SAFETENSORS).chat_template


def test_pickled_weights_are_not_opened():
    files = {"pytorch_model.bin": b"never read", "config.json": REPO["config.json"]}
    source = FolderSource(files)
    found = from_source(source, Variant("pytorch", Format.PYTORCH, ("pytorch_model.bin",)))
    assert (found.parameters, found.weight_bytes, found.layers) == (None, 10, 2)
    assert source.sent == len(files["config.json"])


def test_a_file_that_the_listing_lacks_is_refused():
    with pytest.raises(FileNotInRepo, match=r"m\.gguf"):
        from_source(FolderSource(REPO), GGUF)


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("config.json", b"{", "config.json is not what its format says: it is not JSON"),
        ("config.json", b"[" * 100_000, "it is not JSON"),
        ("config.json", b"[]", "it must be a JSON object"),
        ("modules.json", b"{}", "it must be a JSON array"),
        (SHARDS[0], b"\xff" * 100, "model-00001-of-00002.safetensors is not what"),
        (SHARDS[1], b"", "it needs 8 bytes and the file has 0"),
    ],
)
def test_a_damaged_file_is_named_with_its_reason(path, content, reason):
    with pytest.raises(CorruptFile, match=reason):
        from_source(FolderSource(REPO | {path: content}), SAFETENSORS)


def test_a_missing_blob_is_the_stores_damage(tmp_path):
    store, manifest = keep(tmp_path, REPO)
    store.blob_path(manifest.files[2].sha256).unlink()
    with pytest.raises(DamagedModel, match="cannot be read: No such file"):
        kept_facts(store, manifest, SAFETENSORS)


def test_a_blob_cut_short_is_refused(tmp_path):
    store, manifest = keep(tmp_path, {"m.gguf": LLAMA})
    place = store.blob_path(manifest.files[0].sha256)
    place.write_bytes(LLAMA[:200_000])
    with pytest.raises(CorruptFile, match="it ends after 200,000 of"):
        kept_facts(store, manifest, GGUF)


@pytest.mark.parametrize("name", ["m.gguf", "deep/M.GGUF"])
def test_a_header_is_checked_where_it_lies(tmp_path, name):
    place = tmp_path / "part"
    place.write_bytes(LLAMA)
    check_header(name, place)
    place.write_bytes(LLAMA[:-100_000])
    with pytest.raises(CorruptFile, match=f"{name} is not what its format says: the file lacks"):
        check_header(name, place)


def test_a_truncated_safetensors_is_refused_and_other_files_pass(tmp_path):
    place = tmp_path / "part"
    place.write_bytes(REPO[SHARDS[0]][:-1])
    with pytest.raises(CorruptFile, match="38,400 bytes and the file holds 38,399"):
        check_header("model.safetensors", place)
    check_header("README.md", place)


def sparing(source: FolderSource, variant: Variant, most: int) -> ModelFacts:
    return remote_facts(source, source.listing(ModelRef("acme/model")), variant, most)


def test_a_long_vocabulary_is_not_read_where_bytes_count() -> None:
    source = FolderSource({"m.gguf": LLAMA})
    found = sparing(source, GGUF, 100_000)
    whole = from_source(FolderSource({"m.gguf": LLAMA}), GGUF)
    assert source.sent <= 100_000 < len(LLAMA)
    assert found.weight_bytes == len(LLAMA)
    assert found.layer_kinds == whole.layer_kinds != ()
    assert (found.vocabulary, found.task) == (25_000, whole.task)
    assert (found.parameters, found.parts) == (None, ())
    assert any("not read behind the vocabulary" in text for text in found.unknown)


def test_a_short_header_is_read_whole_even_so() -> None:
    small = weightfiles.gguf([("token_embd.weight", "Q8_0", (64, 8))],
                             {"general.architecture": (8, "llama")})  # fmt: skip
    sparingly = sparing(FolderSource({"m.gguf": small}), GGUF, 100_000)
    assert sparingly == from_source(FolderSource({"m.gguf": small}), GGUF)


def test_of_more_shards_than_bytes_the_config_speaks() -> None:
    shapes = {"model_type": "llama", "intermediate_size": 128, "torch_dtype": "bfloat16"}
    config = json.dumps(CONFIG | shapes).encode()
    found = sparing(FolderSource(REPO | {"config.json": config}), SAFETENSORS, 10)
    assert found.weight_bytes == sum(len(REPO[name]) for name in SHARDS)
    assert found.parts == ()  # what the config describes is not what the files weigh
    assert any("Not every header was read" in text for text in found.unknown)
    assert found.layer_kinds
