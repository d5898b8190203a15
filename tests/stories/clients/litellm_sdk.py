"""LiteLLM's client. `litellm_sdk.py ADDRESS CHAT EMBED RERANK`."""

import json
import sys

import litellm

address, chat, embed, rerank = sys.argv[1:]
HELLO = [{"role": "user", "content": "Say hello"}]
LONG = [{"role": "user", "content": "hello " * 5000}]
ways = {"api_base": f"{address}/v1", "api_key": "none", "timeout": 60, "max_retries": 0}
call = {"model": f"openai/{chat}", "temperature": 0, **ways}

said = litellm.completion(messages=HELLO, **call)
vectors = litellm.embedding(model=f"openai/{embed}", input=["a cat"], **ways)
stream = litellm.completion(messages=HELLO, stream=True, **call)
found = {
    "said": said.choices[0].message.content,
    "tokens": said.usage.total_tokens,
    "streamed": "".join(piece.choices[0].delta.content or "" for piece in stream),
    "embedding": len(vectors.data[0]["embedding"]),
    "scores": [
        one["relevance_score"]
        for one in litellm.rerank(
            model=f"hosted_vllm/{rerank}", query="a", documents=["a", "b"],
            api_base=address, api_key="none",
        ).results
    ],
}  # fmt: skip
try:
    litellm.completion(messages=HELLO, **{**call, "model": "openai/org/none"})
except litellm.NotFoundError as error:
    found["unknown"] = "Known:" in error.message
try:
    litellm.completion(messages=LONG, **call)
except litellm.ContextWindowExceededError as error:
    found["too long"] = error.status_code
print(json.dumps(found))
