"""The chat model: a llama of two layers."""

import random
from itertools import chain

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tiny_models.corpus import dialogue
from tiny_models.recipe import LLAMA_CONTEXT, LLAMA_STEPS, LLAMA_VOCAB, SEED
from tiny_models.training import train


def llama_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """The shape of the chat model."""
    return LlamaConfig(
        vocab_size=LLAMA_VOCAB,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LLAMA_CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )


def train_llama(tokenizer: PreTrainedTokenizerFast, lines: list[str]) -> LlamaForCausalLM:
    """A two-layer llama that writes a little like the Python manual and says words back."""
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(llama_config(tokenizer))
    rng = random.Random(SEED)
    manual = list(chain.from_iterable(tokenizer([f"{line}\n" for line in lines]).input_ids))

    def row(from_manual: bool, length: int = 128) -> list[int]:
        if from_manual:
            start = rng.randrange(len(manual) - length)
            return manual[start : start + length]
        text = "".join(dialogue(rng) for _ in range(12))
        return tokenizer(text).input_ids[:length]

    def loss() -> Tensor:
        batch = torch.tensor([row(from_manual=i % 2 == 0) for i in range(16)])
        return model(input_ids=batch, labels=batch).loss

    train(model, loss, steps=LLAMA_STEPS, rate=3e-3)
    return model
