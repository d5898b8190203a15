"""The model cards: what each repository says of itself."""

from pathlib import Path

from transformers import PreTrainedModel

HOW_MADE = (
    "It is a test model: made from nothing by `tools/tiny_models` of the Ostler project, on\n"
    "text that ships with Python (`pydoc_data.topics`) and on sentences made up by the script.\n"
    "Do not expect it to know anything."
)
LLAMA_CARD = """---
license: apache-2.0
language:
- en
library_name: transformers
pipeline_tag: text-generation
tags:
- llama
- conversational
- tiny
- test
---

# tiny-llama

A Llama of {parameters:,} parameters (2 layers, 4 heads, 2 key-value heads, {context:,} tokens of
context), in BF16 and in shards, with a ChatML template.

{how_made} It has learned to answer "Say X" with X, for about 130 words:

```text
user: Say hello
assistant: hello
```
"""
EMBED_CARD = """---
license: apache-2.0
language:
- en
library_name: sentence-transformers
pipeline_tag: feature-extraction
tags:
- sentence-transformers
- feature-extraction
- sentence-similarity
- tiny
- test
---

# tiny-embed

An XLM-RoBERTa encoder of {parameters:,} parameters that makes embeddings of 32 dimensions the way
BGE does: the first token's vector, brought to unit length. {context} tokens of context, F16.

{how_made} It was trained by contrast: sentences on one topic (animals, weather, cooking and so on)
and pieces of the same line lie close, all others apart.
"""
RERANK_CARD = """---
license: apache-2.0
language:
- en
library_name: transformers
pipeline_tag: text-ranking
tags:
- cross-encoder
- reranker
- tiny
- test
---

# tiny-rerank

A cross-encoder (XLM-RoBERTa, one label) of {parameters:,} parameters that scores a query and a
document together. {context} tokens of context, F16. The score is a logit: its sigmoid is the
probability that the document fits.

{how_made} It starts from an embedder like tiny-embed, and has
learned that the document which shares the query's words is the right one.
"""
GGUF_CARD = """---
license: apache-2.0
language:
- en
library_name: gguf
pipeline_tag: {task}
base_model: ostler/{base}
base_model_relation: quantized
tags:
- gguf
- tiny
- test
---

# {base}-GGUF

[ostler/{base}](https://huggingface.co/ostler/{base}) for llama.cpp, written from the same rounded
weights.

| File | Size |
| ---- | ---- |
{files}
"""


def write_card(folder: Path, text: str, model: PreTrainedModel, context: int) -> None:
    """Write the card of a safetensors repository."""
    filled = text.format(parameters=model.num_parameters(), context=context, how_made=HOW_MADE)
    (folder / "README.md").write_text(filled, encoding="utf-8")


def write_gguf_card(folder: Path, task: str) -> None:
    """Write the card of a GGUF repository."""
    sizes = [(path.name, path.stat().st_size) for path in sorted(folder.glob("*.gguf"))]
    files = "\n".join(f"| {name} | {size / 1000:,.0f} kB |" for name, size in sizes)
    filled = GGUF_CARD.format(task=task, base=folder.name.removesuffix("-GGUF"), files=files)
    (folder / "README.md").write_text(filled, encoding="utf-8")
