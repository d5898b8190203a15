"""How many bytes of range reads it takes to size a model that is far away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.rows import Row
from ostler.nouns import Format, Listing, ModelRef, RemoteFile, SearchResults, Variant
from ostler.testing import weightfiles
from ostler.verbs.inspect import ENOUGH, remote_facts

LIMIT = 2_000_000
WORDS = 151_936  # of Qwen's vocabulary, and as many merges: a header of 8 MB
SHARDS = 30
CONFIG = (
    b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8192,'
    b' "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64,'
    b' "num_key_value_heads": 8, "vocab_size": 128256, "torch_dtype": "bfloat16"}'
)


@dataclass
class Counting:
    """A source of files in memory that counts the bytes it sends."""

    files: Mapping[str, bytes]
    sent: int = 0
    start: int = 0
    size: int | None = None
    _rest: bytes = field(default=b"", repr=False)

    def listing(self, ref: ModelRef) -> Listing:
        """Return all files, with their sizes."""
        files = tuple(RemoteFile(path, len(content)) for path, content in self.files.items())
        return Listing("hf", ref.name, "c" * 40, files)

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[Counting]:
        """Open a range of one file."""
        self.start, self._rest = start, self.files[file.path][start:end]
        yield self

    def chunks(self) -> Iterator[bytes]:
        """Send the range that is open."""
        self.sent += len(self._rest)
        yield self._rest

    def search(self, words: str, limit: int) -> SearchResults:
        """Find nothing: no benchmark searches here."""
        return SearchResults(())


def range_bytes() -> list[Row]:
    """Return a row for a GGUF file with a large vocabulary, and one for many shards."""
    names = tuple(f"model-{n + 1:05d}-of-{SHARDS:05d}.safetensors" for n in range(SHARDS))
    tensors = [(f"model.layers.{n}.self_attn.weight.{n}", "BF16", (8, 8)) for n in range(100)]
    shards = {name: weightfiles.safetensors(tensors) for name in names} | {"config.json": CONFIG}
    far = [
        ("a GGUF with 151,936 words", {"m.gguf": _gguf()}, Variant("q", Format.GGUF, ("m.gguf",))),
        (f"{SHARDS} safetensors shards", shards, Variant("s", Format.SAFETENSORS, names)),
    ]
    found = []
    for name, files, variant in far:
        source = Counting(files)
        remote_facts(source, source.listing(ModelRef("a/b")), variant, ENOUGH)
        found.append(
            Row(f"read to size {name}", source.sent, "bytes", target=f"< {LIMIT}",
                ok=source.sent < LIMIT)
        )  # fmt: skip
    return found


def _gguf() -> bytes:
    words = [f"word-of-some-length-{number}" for number in range(WORDS)]
    numbers = {"block_count": 2, "embedding_length": 64, "attention.head_count": 4,
               "context_length": 2048, "feed_forward_length": 128}  # fmt: skip
    metadata: dict[str, tuple[int, object]] = {"general.architecture": (8, "llama")}
    metadata |= {f"llama.{name}": (4, value) for name, value in numbers.items()}
    metadata |= {"tokenizer.ggml.tokens": (9, (8, words)), "tokenizer.ggml.merges": (9, (8, words))}
    return weightfiles.gguf([("token_embd.weight", "F32", (64, 1))], metadata)
