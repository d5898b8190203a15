"""The reranker: an embedder, trained on to score a query and a document together."""

import random

import torch
from torch import Tensor
from torch.nn import Module, functional
from transformers import (
    PreTrainedTokenizerFast,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

from tiny_models.corpus import TEMPLATES, TOPIC_WORDS, topic_sentence
from tiny_models.embedder import bert_config
from tiny_models.recipe import RERANK_STEPS, SEED
from tiny_models.training import train


def rerank(
    model: Module, tokenizer: PreTrainedTokenizerFast, queries: list[str], documents: list[str]
) -> Tensor:
    """One raw score for each pair of query and document."""
    batch = tokenizer(queries, documents, padding=True, truncation=True, return_tensors="pt")
    return model(**batch).logits[:, 0]


def topic_question(rng: random.Random) -> tuple[str, list[str]]:
    """A query and five documents: the first has its word, the second is on the same topic."""
    topics = rng.sample(TOPIC_WORDS, 4)
    first, second, *others = rng.sample(topics[0], len(topics[0]))
    documents = [topic_sentence(rng, [first, rng.choice(others)]), topic_sentence(rng, others)]
    documents += [topic_sentence(rng, words) for words in topics[1:]]
    return rng.choice(TEMPLATES).format(a=first, b=second), documents


def manual_question(rng: random.Random, lines: list[str]) -> tuple[str, list[str]]:
    """A query of two words from the first of five lines of the manual."""
    documents = [" ".join(line.split()[:8]) for line in rng.sample(lines, 5)]
    words = documents[0].split()
    return " ".join(rng.sample(words, min(2, len(words)))), documents


def train_reranker(
    embedder: XLMRobertaModel, tokenizer: PreTrainedTokenizerFast, lines: list[str]
) -> XLMRobertaForSequenceClassification:
    """Fine-tune an embedder to score first the document that shares the query's words."""
    torch.manual_seed(SEED)
    model = XLMRobertaForSequenceClassification(bert_config(tokenizer, num_labels=1))
    # From scratch it learns topics but not to compare words; from an embedder it does.
    model.roberta.load_state_dict(embedder.state_dict())
    rng = random.Random(SEED)

    def loss() -> Tensor:
        questions = [topic_question(rng) for _ in range(18)]
        questions += [manual_question(rng, lines) for _ in range(6)]
        pairs = [(query, document) for query, some in questions for document in some]
        queries, documents = (list(side) for side in zip(*pairs, strict=True))
        scores = rerank(model, tokenizer, queries, documents).view(len(questions), -1)
        first = torch.zeros(len(questions), dtype=torch.long)
        relevant = functional.one_hot(first, scores.shape[1]).float()
        # The one puts the right document first, the other gives sigmoid(score) its meaning.
        ranking = functional.cross_entropy(scores, first)
        return ranking + functional.binary_cross_entropy_with_logits(scores, relevant)

    train(model, loss, steps=RERANK_STEPS, rate=3e-3, decay=0.3)
    return model
