"""The numbers that all the tiny models share."""

ORG = "ostler"
SEED = 0
# All files together, in bytes: they are committed, and part of every wheel.
SIZE_LIMIT = 5_900_000

# Vocabularies and widths are chosen so that every format of every model fits in SIZE_LIMIT.
# Heads are 32 wide because vLLM's CPU attention takes no narrower ones.
LLAMA_VOCAB, LLAMA_CONTEXT, LLAMA_STEPS = 1600, 2048, 600
BERT_VOCAB, BERT_CONTEXT = 600, 256
EMBED_STEPS, RERANK_STEPS = 600, 1500
