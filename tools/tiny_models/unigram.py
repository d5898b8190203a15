"""The tokenizer of embedder and reranker: Unigram, in the manner of XLM-RoBERTa."""

import json
import random

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
from transformers import PreTrainedTokenizerFast

from tiny_models.corpus import TOPIC_WORDS, topic_sentence
from tiny_models.recipe import BERT_CONTEXT, BERT_VOCAB, SEED


def bert_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer that puts its markers around a text, or around a pair of texts."""
    return PreTrainedTokenizerFast(
        tokenizer_object=trained_unigram(lines),
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=BERT_CONTEXT,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def trained_unigram(lines: list[str]) -> Tokenizer:
    """Learn the pieces from the manual and from sentences on every topic."""
    tokenizer = untrained_unigram()
    trainer = trainers.UnigramTrainer(
        vocab_size=BERT_VOCAB,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        unk_token="<unk>",
        show_progress=False,
    )
    rng = random.Random(SEED)
    made_up = [topic_sentence(rng, words) for words in TOPIC_WORDS * 500]
    tokenizer.train_from_iterator(lines + made_up, trainer)
    tokenizer.model = settled_unigram(tokenizer, len(trainer.special_tokens))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


def untrained_unigram() -> Tokenizer:
    """How text is cut into words, before any piece is known."""
    tokenizer = Tokenizer(models.Unigram())
    # Only what llama.cpp does too when a GGUF carries no character map: tidy up the spaces.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("^ +| +$"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def settled_unigram(tokenizer: Tokenizer, specials: int) -> models.Unigram:
    """The trained pieces in an order and with scores that are the same in each run."""
    trained = json.loads(tokenizer.to_str())["model"]
    pieces = trained["vocab"]
    lowest = min(score for _, score in pieces)
    # The trainer adds rare letters last, one by one, in the random order of a hash table: they
    # get scores just above the lowest. Last digits differ too.
    scores = {
        piece: round(lowest, 2) if score < lowest + 0.02 else round(score, 4)
        for piece, score in pieces[specials:]
    }
    ordered = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    first = [(piece, score) for piece, score in pieces[:specials]]
    return models.Unigram(first + ordered, unk_id=trained["unk_id"], byte_fallback=False)
