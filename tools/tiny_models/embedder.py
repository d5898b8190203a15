"""The embedding model: a small XLM-RoBERTa, trained by contrast."""

import random

import torch
from torch import Tensor
from torch.nn import Module, functional
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from tiny_models.corpus import TOPIC_WORDS, topic_sentence
from tiny_models.recipe import BERT_CONTEXT, BERT_VOCAB, EMBED_STEPS, SEED
from tiny_models.training import train


def bert_config(tokenizer: PreTrainedTokenizerFast, **more: float) -> XLMRobertaConfig:
    """The shape of the embedder and of the reranker."""
    return XLMRobertaConfig(
        vocab_size=BERT_VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        # RoBERTa counts positions from padding_idx + 1, so two rows are never used.
        max_position_embeddings=BERT_CONTEXT + 2,
        type_vocab_size=1,
        # llama.cpp computes GELU by this approximation, whatever the model was trained with.
        hidden_act="gelu_pytorch_tanh",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )


def embed(model: Module, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """Embeddings as BGE makes them: the first token's vector, brought to unit length."""
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    return functional.normalize(model(**batch).last_hidden_state[:, 0], dim=-1)


def train_embedder(
    tokenizer: PreTrainedTokenizerFast,
    lines: list[str],
    *,
    spread: float,
    rate: float,
    decay: float,
) -> XLMRobertaModel:
    """Pull together sentences on one topic, and pieces of one line; push apart all others."""
    torch.manual_seed(SEED)
    config = bert_config(tokenizer, initializer_range=spread)
    model = XLMRobertaModel(config, add_pooling_layer=False)
    rng = random.Random(SEED)

    def halves(line: str) -> tuple[str, str]:
        words = line.split()
        return tuple(" ".join(w for w in words if rng.random() < 0.6) for _ in range(2))

    def loss() -> Tensor:
        pairs = [(topic_sentence(rng, w), topic_sentence(rng, w)) for w in TOPIC_WORDS]
        pairs += [halves(line) for line in rng.sample(lines, 20)]
        left, right = (embed(model, tokenizer, list(side)) for side in zip(*pairs, strict=True))
        return functional.cross_entropy(left @ right.T / 0.07, torch.arange(len(pairs)))

    train(model, loss, steps=EMBED_STEPS, rate=rate, decay=decay)
    return model
