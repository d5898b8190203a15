"""Check the models against ``expected.json``, with transformers and with llama.cpp.

The safetensors repositories are loaded with transformers, the GGUF files with llama.cpp. Each is
asked what was asked when it was built, and must answer the same within the rounding of its
arithmetic.
"""

import json
from pathlib import Path

from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from tiny_models.engine import engine, post
from tiny_models.expected import expected_answers
from tiny_models.recipe import ORG

# (embeddings, logits) without and with flash attention, which llama.cpp switches on by itself
# and which computes in F16.
TOLERANCES = {False: (1e-4, 1e-3), True: (1e-3, 2e-2)}
# The same sums on another processor may end in other last digits.
REFERENCE_TOLERANCE = 1e-9

TRICKY_TEXTS = [
    "hello",
    "  two  spaces   and a tail ",
    "line one\nline two\ttab",
    "naïve café, 42 × 17 = 714",
    "日本語 and 🙂🙂",
    "x" * 40,
]


def check(output: Path) -> None:
    """Check every model in every form. Ends the program at the first difference."""
    disable_progress_bar()
    expected = json.loads((output / "expected.json").read_text(encoding="utf-8"))["models"]
    check_same(expected_answers(output), expected, "transformers")
    print(f"transformers  the same as expected.json: {', '.join(expected)}")
    check_llamacpp(output, expected)


def require(truth: bool, what: str) -> None:
    """Stop at the first difference."""
    if not truth:
        raise SystemExit(f"FAILED: {what}")


def largest_difference(left: list[float], right: list[float]) -> float:
    """The largest difference between two lists of the same length."""
    return max(abs(a - b) for a, b in zip(left, right, strict=True))


def check_tokens(address: str, repository: Path) -> None:
    """Both tokenizers cut even odd texts into the same tokens."""
    tokenizer = AutoTokenizer.from_pretrained(repository)
    for text in TRICKY_TEXTS:
        ours = tokenizer(text).input_ids
        theirs = post(address, "/tokenize", content=text, add_special=True)["tokens"]
        require(ours == theirs, f"{repository.name} tokens of {text!r}: {theirs}, not {ours}")


def check_chat(address: str, expected: dict, _flash: bool) -> str:
    """The same prompt tokens, and the same words at temperature 0."""
    answers = []
    for case in expected["cases"]:
        prompt = post(address, "/apply-template", messages=case["messages"])["prompt"]
        ids = post(address, "/tokenize", content=prompt, parse_special=True)["tokens"]
        require(ids == case["prompt_ids"], f"prompt tokens {ids}")
        reply = post(
            address, "/v1/chat/completions", messages=case["messages"], temperature=0, max_tokens=16
        )
        choice = reply["choices"][0]
        answers.append(choice["message"]["content"])
        require(answers[-1] == case["answer"], f"answer {answers[-1]!r}, not {case['answer']!r}")
        require(choice["finish_reason"] == "stop", f"finish reason {choice['finish_reason']}")
        require(reply["usage"]["prompt_tokens"] == len(ids), f"usage {reply['usage']}")
    return f"answers {answers}"


def check_embeddings(address: str, expected: dict, flash: bool) -> str:
    """The same unit vectors."""
    cases = expected["cases"]
    reply = post(address, "/v1/embeddings", input=[case["text"] for case in cases])
    worst = max(
        largest_difference(item["embedding"], case["embedding"])
        for item, case in zip(reply["data"], cases, strict=True)
    )
    require(worst < TOLERANCES[flash][0], f"embeddings differ by {worst:.1e}")
    tokens = sum(len(case["token_ids"]) for case in cases)
    require(reply["usage"]["prompt_tokens"] == tokens, f"usage {reply['usage']}, not {tokens}")
    return f"largest difference {worst:.1e}"


def check_ranking(address: str, expected: dict, flash: bool) -> str:
    """The same scores, and so the same order."""
    worst = 0.0
    for case in expected["cases"]:
        reply = post(
            address, "/v1/rerank", query=case["query"], documents=case["documents"], top_n=100
        )
        scores = {item["index"]: item["relevance_score"] for item in reply["results"]}
        found = [scores[i] for i in range(len(case["documents"]))]
        worst = max(worst, largest_difference(found, case["logits"]))
        require(worst < TOLERANCES[flash][1], f"logits differ by {worst:.1e}")
        order, wanted = (
            sorted(scores, key=values.__getitem__, reverse=True)
            for values in (found, case["logits"])
        )
        require(order == wanted, f"order {order}, not {wanted}")
        tokens = sum(len(ids) for ids in case["token_ids"])
        require(reply["usage"]["prompt_tokens"] == tokens, f"usage {reply['usage']}, not {tokens}")
    return f"largest difference {worst:.1e}"


CHECKS = [
    ("tiny-llama", "F32", "chat", check_chat),
    ("tiny-llama", "Q8_0", "chat", check_chat),
    ("tiny-embed", "F32", "embed", check_embeddings),
    ("tiny-rerank", "F32", "rerank", check_ranking),
]


def check_llamacpp(output: Path, expected: dict) -> None:
    """Every GGUF file says in llama.cpp what its model said in transformers."""
    for name, form, kind, compare in CHECKS:
        repository = output / ORG / name
        path = output / ORG / f"{name}-GGUF" / f"{name}-{form}.gguf"
        for flash in (False, True):
            with engine(path, kind, flash) as address:
                check_tokens(address, repository)
                result = compare(address, expected[f"{ORG}/{name}"], flash)
            attention = "flash" if flash else "plain"
            print(f"llama.cpp     {path.name}, {attention} attention: {result}")


def check_same(found: object, wanted: object, where: str) -> None:
    """Two JSON values are equal, their fractions up to the last digits."""
    if isinstance(wanted, dict):
        require(found.keys() == wanted.keys(), f"{where} has {sorted(found)}")
        for key, value in wanted.items():
            check_same(found[key], value, f"{where}.{key}")
    elif isinstance(wanted, list):
        require(len(found) == len(wanted), f"{where} has {len(found)} items")
        for i, value in enumerate(wanted):
            check_same(found[i], value, f"{where}[{i}]")
    elif isinstance(wanted, float):
        require(abs(found - wanted) < REFERENCE_TOLERANCE, f"{where} is {found}, not {wanted}")
    else:
        require(found == wanted, f"{where} is {found!r}, not {wanted!r}")
