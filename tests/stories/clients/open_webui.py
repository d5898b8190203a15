"""What Open WebUI's backend asks of an OpenAI-compatible address, as its own code does it.

From `backend/open_webui/routers/openai.py` (models, chat, title) and `retrieval/utils.py`
(embeddings, rerank) of open-webui: aiohttp and requests, a body of its own making with
`stream_options`, its user's headers. `open_webui.py ADDRESS CHAT EMBED RERANK`.
"""

import asyncio
import json
import sys
import uuid

import aiohttp
import requests

address, chat, embed, rerank = sys.argv[1:]
url, KEY = f"{address}/v1", "sk-anything"
USER = {
    "X-OpenWebUI-User-Name": "Anna%20B",
    "X-OpenWebUI-User-Id": str(uuid.uuid4()),
    "X-OpenWebUI-User-Email": "anna@example.org",
    "X-OpenWebUI-User-Role": "admin",
}
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **USER}
HELLO = [{"role": "user", "content": "Say hello"}]


async def listed() -> list[str]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        headers = {"Authorization": f"Bearer {KEY}", **USER}
        async with session.get(f"{url}/models", headers=headers) as answer:
            return [one["id"] for one in (await answer.json())["data"]]


async def streamed() -> dict[str, object]:
    body = {
        "stream": True,
        "model": chat,
        "messages": HELLO,
        "temperature": 0,
        "stream_options": {"include_usage": True},
    }
    session = aiohttp.ClientSession(trust_env=True, read_bufsize=4 * 1024 * 1024)
    answer = await session.request(
        "POST", f"{url}/chat/completions", data=json.dumps(body), headers=HEADERS, cookies={}
    )
    kind, text, usage, done = answer.headers["Content-Type"], "", None, False
    async for line in answer.content:
        data = line.decode().strip().removeprefix("data: ")
        done = done or data == "[DONE]"
        if data.startswith("{"):
            event = json.loads(data)
            text += "".join(one["delta"].get("content") or "" for one in event["choices"])
            usage = event.get("usage") or usage
    answer.close()
    await session.close()
    return {"kind": kind, "text": text, "usage": usage["total_tokens"], "done": done}


def retrieved() -> tuple[int, list[float]]:
    vectors = requests.post(
        f"{url}/embeddings", headers=HEADERS, json={"input": ["a cat"], "model": embed}, timeout=60
    )
    scores = requests.post(
        f"{url}/rerank", headers=HEADERS, timeout=60,
        json={"model": rerank, "query": "a", "documents": ["a", "b"], "top_n": 2},
    )  # fmt: skip
    vectors.raise_for_status()
    scores.raise_for_status()
    results = sorted(scores.json()["results"], key=lambda one: one["index"])
    return len(vectors.json()["data"][0]["embedding"]), [r["relevance_score"] for r in results]


async def titled() -> str:
    body = {"model": chat, "messages": HELLO, "stream": False, "max_completion_tokens": 50}
    async with aiohttp.ClientSession(trust_env=True) as session:
        answer = await session.request(
            "POST", f"{url}/chat/completions", data=json.dumps(body), headers=HEADERS
        )
        return (await answer.json())["choices"][0]["message"]["role"]


size, scores = retrieved()
print(
    json.dumps(
        {
            "models": asyncio.run(listed()),
            **asyncio.run(streamed()),
            "title": asyncio.run(titled()),
            "embedding": size,
            "scores": scores,
        }
    )
)
