"""The chat model's tokenizer: byte-level BPE with ChatML markers."""

import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tiny_models.corpus import CHATML, END_OF_TEXT, IM_END, IM_START, dialogue
from tiny_models.recipe import LLAMA_CONTEXT, LLAMA_VOCAB, SEED


def llama_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with ChatML markers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LLAMA_VOCAB,
        special_tokens=[END_OF_TEXT, IM_START, IM_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rng = random.Random(SEED)
    spoken = [dialogue(rng) for _ in range(10000)]
    tokenizer.train_from_iterator(lines + spoken, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=IM_END,
        pad_token=END_OF_TEXT,
        chat_template=CHATML,
        model_max_length=LLAMA_CONTEXT,
        clean_up_tokenization_spaces=False,
    )
