"""The whole folder of models: train all, write all, say what they answer."""

import hashlib
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import gguf
import torch
from transformers.utils.logging import disable_progress_bar

from tiny_models.bpe import llama_tokenizer
from tiny_models.cards import EMBED_CARD, LLAMA_CARD, RERANK_CARD, write_card, write_gguf_card
from tiny_models.corpus import corpus
from tiny_models.embedder import train_embedder
from tiny_models.expected import expected_answers
from tiny_models.gguf_files import write_bert_gguf, write_llama_gguf
from tiny_models.llama import train_llama
from tiny_models.recipe import BERT_CONTEXT, LLAMA_CONTEXT, ORG, SIZE_LIMIT
from tiny_models.repositories import save_bert, save_llama, save_sentence_transformers, write_json
from tiny_models.reranker import train_reranker
from tiny_models.unigram import bert_tokenizer


def build(output: Path) -> None:
    """Build everything into the output folder, replacing what an earlier run left there."""
    be_deterministic()
    disable_progress_bar()
    shutil.rmtree(output / ORG, ignore_errors=True)
    lines = corpus()
    build_llama(output / ORG, lines)
    build_berts(output / ORG, lines)
    answers = {"models": expected_answers(output)}
    write_json(output / "expected.json", provenance(lines) | answers)
    report_sizes(output)


def be_deterministic() -> None:
    """Sum in one order: one thread, no algorithm that depends on luck."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def build_llama(hub: Path, lines: list[str]) -> None:
    """Make ``tiny-llama`` and ``tiny-llama-GGUF``."""
    print("tiny-llama")
    tokenizer = llama_tokenizer(lines)
    model = train_llama(tokenizer, lines)
    save_llama(hub / "tiny-llama", model, tokenizer)
    write_card(hub / "tiny-llama", LLAMA_CARD, model, LLAMA_CONTEXT)
    folder = hub / "tiny-llama-GGUF"
    for kind, file_type in [
        ("F32", gguf.LlamaFileType.ALL_F32),
        ("Q8_0", gguf.LlamaFileType.MOSTLY_Q8_0),
    ]:
        write_llama_gguf(folder / f"tiny-llama-{kind}.gguf", model, tokenizer, file_type)
    write_gguf_card(folder, "text-generation")


def build_berts(hub: Path, lines: list[str]) -> None:
    """Make ``tiny-embed`` and ``tiny-rerank``, and the GGUF repositories of both."""
    tokenizer = bert_tokenizer(lines)
    print("tiny-embed")
    # A narrow start and strong decay keep the weights small, and with them the rounding of
    # engines that compute attention in F16.
    embedder = train_embedder(tokenizer, lines, spread=0.03, rate=2e-3, decay=3.0)
    print("tiny-rerank")
    # The reranker learns nothing from such small weights, so it has a start of its own.
    start = train_embedder(tokenizer, lines, spread=0.1, rate=3e-3, decay=0.01)
    reranker = train_reranker(start, tokenizer, lines)
    for name, model, card, task, pooling in [
        ("tiny-embed", embedder, EMBED_CARD, "feature-extraction", gguf.PoolingType.CLS),
        ("tiny-rerank", reranker, RERANK_CARD, "text-ranking", gguf.PoolingType.RANK),
    ]:
        save_bert(hub / name, model, tokenizer)
        write_card(hub / name, card, model, BERT_CONTEXT)
        folder = hub / f"{name}-GGUF"
        write_bert_gguf(folder / f"{name}-F32.gguf", model, tokenizer, pooling)
        write_gguf_card(folder, task)
    save_sentence_transformers(hub / "tiny-embed")


def provenance(lines: list[str]) -> dict:
    """What the result depends on besides these files."""
    packages = ["torch", "transformers", "tokenizers", "safetensors", "gguf", "numpy"]
    return {
        "made_by": "tools/tiny_models",
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in packages},
        "corpus_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


def report_sizes(output: Path) -> None:
    """List every file, and refuse a result that is too large for the repository."""
    files = sorted(path for path in output.rglob("*") if path.is_file())
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{digest[:16]} {path.stat().st_size:9,d} {path.relative_to(output)}")
    total = sum(path.stat().st_size for path in files)
    print(f"{total:,} of {SIZE_LIMIT:,} bytes")
    if total >= SIZE_LIMIT:
        raise SystemExit("too large")
