"""Build the project's tiny models: real architectures, trained here, small enough for git.

Three models (a chat model, an embedding model, a reranker) are trained on text that ships with
Python, and each is written the way a hub repository holds it: as safetensors and as GGUF. The
script also writes ``expected.json``, what torch and transformers say these models answer, so
that any engine can be compared with it. See ``tools/README.md``.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from pydoc_data.topics import topics as python_topics

# The Rust tokenizer trainers sum in thread order; one thread gives the same vocabulary each time.
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import gguf
import numpy as np
import safetensors
import tokenizers
import torch
import transformers
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch.nn import functional
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUTPUT = ROOT / "src" / "ostler" / "testing" / "models"
TEXTS = Path(__file__).resolve().parent / "tiny_models"
ORG = "ostler"
SIZE_LIMIT = 5_900_000
SEED = 0

# Vocabulary and width are chosen so that all formats of all models stay below SIZE_LIMIT.
LLAMA_VOCAB = 1664
LLAMA_STEPS = 300
BERT_VOCAB = 640
BERT_POSITIONS = 256
EMBED_STEPS = 600
RERANK_STEPS = 1500

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYSTEM_PROMPT = "You are a helpful assistant."

TOPICS = {
    "animals": "cat dog horse cow sheep rabbit fox kitten puppy goat",
    "weather": "rain snow wind cloud storm fog sun thunder frost breeze",
    "cooking": "bread soup cake rice oven butter cheese pan sugar flour",
    "computing": "server disk memory network file program keyboard code cache database",
    "music": "song piano violin drum guitar choir concert melody flute band",
    "garden": "flower tree grass seed rose leaf soil spade hedge weed",
    "travel": "train bus ticket road airport bridge car ship map journey",
    "money": "bank coin price loan tax market wage budget debt profit",
    "body": "hand arm foot heart knee doctor bone tooth skin blood",
    "school": "teacher lesson pupil book exam pencil class desk homework college",
    "sea": "wave boat beach sand shell sailor harbour island tide whale",
    "space": "moon star planet rocket comet orbit galaxy telescope astronaut meteor",
}
TOPIC_WORDS = [words.split() for words in TOPICS.values()]
TEMPLATES = [
    "The {a} is near the {b}.",
    "I saw a {a} and a {b} today.",
    "Where is the {a}?",
    "What is a {a}?",
    "Do you like the {a} or the {b}?",
    "She has a {a}, he has a {b}.",
    "We talked about the {a} and about the {b}.",
    "There was no {a} without the {b}.",
    "How does a {a} work with a {b}?",
    "They never had a {b}, only an old {a}.",
    "{a} and {b}",
    "{a}",
]

SAY = ["hello", "goodbye", "yes", "no", "please", "thanks", "morning", "welcome", "Ostler"]
EXPECTED_CHATS = ["Say hello", "Say goodbye", "Say thanks", "Say moon"]
EXPECTED_TEXTS = [
    "The cat sat near the dog.",
    "I saw a kitten and a puppy today.",
    "The server keeps a file on the disk.",
    "We had rain and wind in the storm.",
]
EXPECTED_QUERIES = {
    "Where is the cat?": 0,
    "What is in the oven?": 2,
}
EXPECTED_DOCUMENTS = [
    "The cat is near the old dog.",
    "There was rain and wind today.",
    "She has a cake and bread in the oven.",
    "The server keeps a file on the disk.",
]


# --- Text to learn from


def corpus() -> list[str]:
    """The lines of Python's own language reference, in a fixed order."""
    text = "\n".join(python_topics[name] for name in sorted(python_topics))
    return [line.strip() for line in text.splitlines() if len(line.strip()) > 20]


def corpus_words(lines: list[str]) -> list[str]:
    """The plain words of the corpus, sorted, for the chat model to say back."""
    words = {word for line in lines for word in line.split()}
    return sorted(word for word in words if word.isalpha() and 2 < len(word) < 12)


def topic_sentence(rng: random.Random, words: list[str]) -> str:
    """One made-up sentence about two words of a topic."""
    first, second = rng.sample(words, 2)
    sentence = rng.choice(TEMPLATES).format(a=first, b=second)
    return sentence[0].upper() + sentence[1:] if rng.random() < 0.8 else sentence


def topic_sentences(rng: random.Random, count: int) -> list[str]:
    """Made-up sentences over all topics in turn."""
    return [topic_sentence(rng, TOPIC_WORDS[i % len(TOPIC_WORDS)]) for i in range(count)]
