"""Write a safetensors model anew with smaller weights, by llm-compressor.

`python -I compress.py JOB.json`, run by the Python of llm-compressor's environment, which has no
Ostler in it. The job names the model's folder, the folder to write, the scheme, and texts to learn
the weights' importance from. A line of JSON on stdout tells how far it is.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# These look at no text: the weights alone decide.
WITHOUT_TEXTS = ("FP8_DYNAMIC",)
LENGTH = 512  # tokens of each text
IGNORED = ("lm_head",)  # the output matrix stays whole, as publishers leave it


def main() -> None:
    """Carry out the job in the file that the command line names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    say("loading")
    model = AutoModelForCausalLM.from_pretrained(job["source"], dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(job["source"])
    say("quantizing")
    words: dict[str, Any] = {"model": model, "recipe": recipe(job["method"], job["scheme"])}
    if job["scheme"] not in WITHOUT_TEXTS:
        texts = job["texts"]
        words |= {
            "dataset": tokenized(tokenizer, texts),
            "max_seq_length": LENGTH,
            "num_calibration_samples": len(texts),
        }
    oneshot(**words)
    say("writing")
    model.save_pretrained(job["target"], save_compressed=True)
    tokenizer.save_pretrained(job["target"])
    say("done")


def say(stage: str) -> None:
    """Tell whoever started us."""
    print(json.dumps({"stage": stage}), flush=True)  # noqa: T201 - stdout is how it reports


def recipe(method: str, scheme: str) -> list[Any]:
    """The steps that a method takes."""
    from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier

    linear = {"targets": "Linear", "scheme": scheme, "ignore": list(IGNORED)}
    if method == "awq":
        from llmcompressor.modifiers.awq import AWQModifier

        return [AWQModifier(ignore=list(IGNORED), scheme=scheme, targets=["Linear"])]
    if method in ("gptq", "int8"):
        return [GPTQModifier(**linear)]
    return [QuantizationModifier(**linear)]


def tokenized(tokenizer: Any, texts: list[str]) -> Any:
    """The texts as llm-compressor takes them."""
    from datasets import Dataset

    def split(row: dict[str, str]) -> Any:
        return tokenizer(row["text"], max_length=LENGTH, truncation=True, padding=False)

    return Dataset.from_dict({"text": texts}).map(split, remove_columns=["text"])


if __name__ == "__main__":
    main()
