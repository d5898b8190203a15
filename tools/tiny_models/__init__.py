"""The project's tiny models: real architectures, trained here, small enough for git.

Three models (a chat model, an embedding model, a reranker) are trained on text that ships with
Python and on made-up sentences, and each is written the way a hub repository holds it, as
safetensors and as GGUF, beside ``expected.json``: what torch and transformers say these models
answer, so that any engine can be compared with it. See ``tools/README.md``.
"""
