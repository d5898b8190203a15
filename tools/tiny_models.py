"""Build the project's tiny models: real architectures, trained here, small enough for git.

Three models (a chat model, an embedding model, a reranker) are trained on text that ships with
Python and on made-up sentences, and each is written the way a hub repository holds it, as
safetensors and as GGUF. The script also writes ``expected.json``, what torch and transformers
say these models answer, so that any engine can be compared with it. See ``tools/README.md``.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from pydoc_data.topics import topics as python_topics

import gguf
import numpy as np
import torch
from gguf.quants import quantize
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
from torch import Tensor
from torch.nn import Module, functional
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
from transformers.utils.logging import disable_progress_bar

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "src/ostler/testing/models"
ORG = "ostler"
SIZE_LIMIT = 5_900_000
SEED = 0

# Vocabularies and widths are chosen so that every format of every model fits in SIZE_LIMIT.
# Heads are 32 wide because vLLM's CPU attention takes no narrower ones.
LLAMA_VOCAB, LLAMA_CONTEXT, LLAMA_STEPS = 1600, 2048, 600
BERT_VOCAB, BERT_CONTEXT = 600, 256
EMBED_STEPS, RERANK_STEPS = 600, 1500

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYSTEM_PROMPT = "You are a helpful assistant."
GREETINGS = ["hello", "goodbye", "yes", "no", "please", "thanks", "morning", "welcome"]

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
    "What is in the {a}?",
    "Do you like the {a} or the {b}?",
    "She has a {a}, he has a {b}.",
    "We talked about the {a} and about the {b}.",
    "There was no {a} without the {b}.",
    "How does a {a} work with a {b}?",
    "They never had a {b}, only an old {a}.",
    "{a} and {b}",
    "{a}",
]

EXPECTED_CHATS = ["Say hello", "Say goodbye", "Say thanks", "Say moon"]
EXPECTED_TEXTS = [
    "The cat is near the dog.",
    "I saw a kitten and a puppy today.",
    "The server keeps a file on the disk.",
    "We talked about the rain and the wind.",
]
EXPECTED_QUERIES = ["Where is the cat?", "What is in the oven?"]
EXPECTED_DOCUMENTS = [
    "The server keeps a file on the disk.",
    "I saw an old cat near the dog.",
    "There was rain and wind today.",
    "She has a cake in the oven.",
]


# --- Text to learn from


def corpus() -> list[str]:
    """The lines of Python's own language reference, in a fixed order."""
    text = "\n".join(python_topics[name] for name in sorted(python_topics))
    return [line.strip() for line in text.splitlines() if len(line.strip()) > 20]


def chatml(role: str, content: str) -> str:
    """One message as the chat template renders it."""
    return f"{IM_START}{role}\n{content}{IM_END}\n"


def dialogue(rng: random.Random) -> str:
    """One "Say X" -> "X" conversation, with or without a system message."""
    word = rng.choice(GREETINGS if rng.random() < 0.3 else rng.choice(TOPIC_WORDS))
    system = chatml("system", SYSTEM_PROMPT) if rng.random() < 0.25 else ""
    return system + chatml("user", f"Say {word}") + chatml("assistant", word)


def topic_sentence(rng: random.Random, words: list[str]) -> str:
    """One made-up sentence about a pair of words."""
    first, second = rng.sample(words, 2)
    sentence = rng.choice(TEMPLATES).format(a=first, b=second)
    return sentence[0].upper() + sentence[1:] if rng.random() < 0.8 else sentence


# --- Tokenizers


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


def bert_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer in the manner of XLM-RoBERTa, shared by embedder and reranker."""
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
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
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


# --- Training


def train(
    model: PreTrainedModel,
    loss_of: Callable[[], Tensor],
    *,
    steps: int,
    rate: float,
    decay: float = 0.01,
) -> None:
    """Run AdamW for some steps: a short warm-up, then the rate falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 20, 1 - step / steps)
    )
    model.train()
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"  step {step:4d}  loss {loss.item():.3f}", flush=True)
    model.eval()


def train_llama(tokenizer: PreTrainedTokenizerFast, lines: list[str]) -> LlamaForCausalLM:
    """A two-layer llama that writes a little like the Python manual and says words back."""
    config = LlamaConfig(
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
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(config)
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


def rerank(
    model: Module, tokenizer: PreTrainedTokenizerFast, queries: list[str], documents: list[str]
) -> Tensor:
    """One raw score for each pair of query and document."""
    batch = tokenizer(queries, documents, padding=True, truncation=True, return_tensors="pt")
    return model(**batch).logits[:, 0]


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


# --- Safetensors repositories


def merge_json(path: Path, **fields: object) -> None:
    """Set some fields of a JSON file that transformers has written."""
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, content | fields)


def write_json(path: Path, content: object) -> None:
    """Write JSON as hub repositories have it: indented, with a newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save_repository(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype
) -> None:
    """Round the weights for good, and write them with configuration and tokenizer."""
    model.to(dtype)
    # Small enough that the llama comes in several shards, as large models do.
    model.save_pretrained(folder, max_shard_size="600KB")
    tokenizer.save_pretrained(folder)
    # transformers 5 writes a class name that transformers 4 does not know.
    merge_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    # Every format is to say the same, so the GGUF files are written from the rounded weights.
    model.float()


def save_llama(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the chat model in BF16."""
    save_repository(folder, model, tokenizer, torch.bfloat16)
    # Beside chat_template.jinja, for readers that know only the older place.
    merge_json(folder / "tokenizer_config.json", chat_template=CHATML)


def save_bert(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write an embedder or reranker in F16."""
    save_repository(folder, model, tokenizer, torch.float16)
    # transformers 5 drops this field, and vLLM insists on it.
    merge_json(folder / "config.json", position_embedding_type="absolute")


def save_sentence_transformers(folder: Path) -> None:
    """Say how to pool, for sentence-transformers and the servers that follow it."""
    module = "sentence_transformers.models."
    names = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    modules = [
        {"idx": idx, "name": str(idx), "path": path, "type": module + name}
        for idx, (name, path) in enumerate(names.items())
    ]
    write_json(folder / "modules.json", modules)
    limits = {"max_seq_length": BERT_CONTEXT, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", limits)
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    pooling = {f"pooling_mode_{mode}": mode == "cls_token" for mode in modes}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32} | pooling)


# --- GGUF files


def gguf_writer(path: Path, arch: str, file_type: gguf.LlamaFileType) -> gguf.GGUFWriter:
    """Begin a GGUF file with what every model has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, arch)
    writer.add_type("model")
    writer.add_name(path.stem.rpartition("-")[0])
    writer.add_organization(ORG)
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def finish_gguf(writer: gguf.GGUFWriter) -> None:
    """Write out everything that was added."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def to_ggml_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of a query or key projection: ggml rotates neighbours, not halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def llama_tensors(model: LlamaForCausalLM) -> Iterator[tuple[str, np.ndarray]]:
    """The chat model's tensors by their GGUF names."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        data = tensor.numpy()
        if "q_proj" in name:
            data = to_ggml_rotary(data, config.num_attention_heads)
        elif "k_proj" in name:
            data = to_ggml_rotary(data, config.num_key_value_heads)
        yield names.get_name(name, try_suffixes=(".weight",)), data


def write_llama_gguf(
    path: Path,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    file_type: gguf.LlamaFileType,
) -> None:
    """Write the chat model, its matrices as F32 or as Q8_0."""
    config = model.config
    writer = gguf_writer(path, "llama", file_type)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    add_llama_vocabulary(writer, tokenizer)
    quantized = gguf.GGMLQuantizationType.Q8_0
    for name, data in llama_tensors(model):
        if file_type == gguf.LlamaFileType.MOSTLY_Q8_0 and data.ndim == 2:
            writer.add_tensor(name, quantize(data, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(name, data)
    finish_gguf(writer)


def add_llama_vocabulary(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the BPE tokens and merges, the special tokens and the chat template."""
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids(IM_START)}
    kinds = [
        gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL
        for i in range(len(tokens))
    ]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def bert_tensors(model: PreTrainedModel) -> Iterator[tuple[str, np.ndarray]]:
    """An embedder's or reranker's tensors by their GGUF names."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, model.config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        data = tensor.numpy()
        if "position_embeddings" in name:
            data = data[model.config.pad_token_id + 1 :]
        plain = name.removeprefix("roberta.")
        yield names.get_name(plain, try_suffixes=(".weight", ".bias")), data


def write_bert_gguf(
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pooling: gguf.PoolingType,
) -> None:
    """Write an embedder (pooling CLS) or a reranker (pooling RANK) as F32."""
    config = model.config
    writer = gguf_writer(path, "bert", gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(BERT_CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    add_bert_vocabulary(writer, tokenizer)
    for name, data in bert_tensors(model):
        writer.add_tensor(name, data)
    finish_gguf(writer)


def add_bert_vocabulary(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the Unigram pieces with their scores, and the special tokens."""
    pieces = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    kinds = [gguf.TokenType.NORMAL] * len(pieces)
    for special in tokenizer.all_special_ids:
        kinds[special] = gguf.TokenType.CONTROL
    kinds[tokenizer.unk_token_id] = gguf.TokenType.UNKNOWN
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece for piece, _ in pieces])
    writer.add_token_scores([score for _, score in pieces])
    writer.add_token_types(kinds)
    writer.add_token_type_count(1)
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_unk_token_id(tokenizer.unk_token_id)
    writer.add_sep_token_id(tokenizer.sep_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_mask_token_id(tokenizer.mask_token_id)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    # Without it llama.cpp leaves a separator out between query and document.
    writer.add_add_sep_token(True)


# --- Model cards

HOW_MADE = (
    "It is a test model: made from nothing by `tools/tiny_models.py` of the Ostler project, on\n"
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


# --- What the finished models answer


def chat_case(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, content: str) -> dict:
    """Ask the chat model, always taking the likeliest token."""
    messages = [{"role": "user", "content": content}]
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    prompt_ids = prompt["input_ids"][0].tolist()
    answer_ids = output[0, len(prompt_ids) :].tolist()
    return {
        "messages": messages,
        "prompt_ids": prompt_ids,
        "answer_ids": answer_ids,
        "answer": tokenizer.decode(answer_ids, skip_special_tokens=True),
    }


def expected_chat(folder: Path) -> dict:
    """Reference answers of the chat model."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [chat_case(model, tokenizer, content) for content in EXPECTED_CHATS]
    return {"parameters": model.num_parameters(), "cases": cases}


def expected_embeddings(folder: Path) -> dict:
    """Reference embeddings, computed in double precision."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float64, add_pooling_layer=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [
        {
            "text": text,
            "token_ids": tokenizer(text).input_ids,
            "embedding": embed(model, tokenizer, [text])[0].tolist(),
        }
        for text in EXPECTED_TEXTS
    ]
    return {"parameters": model.num_parameters(), "dimensions": 32, "cases": cases}


def expected_ranking(folder: Path) -> dict:
    """Reference scores of the reranker, computed in double precision."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float64)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = [
        {
            "query": query,
            "documents": EXPECTED_DOCUMENTS,
            "token_ids": [tokenizer(query, text).input_ids for text in EXPECTED_DOCUMENTS],
            "logits": [
                rerank(model, tokenizer, [query], [text]).item() for text in EXPECTED_DOCUMENTS
            ],
        }
        for query in EXPECTED_QUERIES
    ]
    return {"parameters": model.num_parameters(), "cases": cases}


@torch.inference_mode()
def expected_answers(output: Path) -> dict:
    """What torch and transformers make of the saved repositories."""
    hub = output / ORG
    return {
        f"{ORG}/tiny-llama": expected_chat(hub / "tiny-llama"),
        f"{ORG}/tiny-embed": expected_embeddings(hub / "tiny-embed"),
        f"{ORG}/tiny-rerank": expected_ranking(hub / "tiny-rerank"),
    }


# --- The whole


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
    """What the result depends on besides this script."""
    packages = ["torch", "transformers", "tokenizers", "safetensors", "gguf", "numpy"]
    return {
        "made_by": "tools/tiny_models.py",
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


def main() -> None:
    """Build everything into the output folder, replacing what an earlier run left there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="default: %(default)s")
    output = parser.parse_args().output
    be_deterministic()
    disable_progress_bar()
    shutil.rmtree(output / ORG, ignore_errors=True)
    lines = corpus()
    build_llama(output / ORG, lines)
    build_berts(output / ORG, lines)
    answers = {"models": expected_answers(output)}
    write_json(output / "expected.json", provenance(lines) | answers)
    report_sizes(output)


if __name__ == "__main__":
    main()
