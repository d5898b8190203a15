"""The official OpenAI client, asynchronous and not. `openai_sdk.py ADDRESS CHAT EMBED`."""

import asyncio
import json
import sys

import openai

address, chat, embed = sys.argv[1:]
HELLO = [{"role": "user", "content": "Say hello"}]
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["hello", "bye"]}},
    "required": ["word"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": True}}
ways = {"base_url": f"{address}/v1", "api_key": "none", "max_retries": 0}

with openai.OpenAI(**ways) as client:
    found = {
        "response": client.responses.create(
            model=chat, input="Say hello", temperature=0
        ).output_text,
        "models": [model.id for model in client.models.list()],
        "raw": client.chat.completions.with_raw_response.create(
            model=chat, messages=HELLO, temperature=0
        ).headers["x-request-id"],
    }
    with client.responses.create(model=chat, input="Say hello", temperature=0, stream=True) as s:
        found["events"] = [event.type for event in s]
    try:
        client.chat.completions.create(
            model=chat, messages=[{"role": "user", "content": "hello " * 5000}]
        )
    except openai.BadRequestError as error:
        found["too long"] = error.code
    try:
        client.chat.completions.create(model="org/none", messages=HELLO)
    except openai.NotFoundError as error:
        found["unknown"] = (error.type, error.code, error.param)


async def story() -> None:
    async with openai.AsyncOpenAI(**ways) as client:
        said = await client.chat.completions.create(
            model=chat, messages=HELLO, temperature=0, response_format=FORM
        )
        found["structured"] = json.loads(said.choices[0].message.content)
        stream = await client.chat.completions.create(
            model=chat,
            messages=HELLO,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        found["streamed"] = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        found["usage"] = chunks[-1].usage.completion_tokens
        vectors = await client.embeddings.create(model=embed, input=["a cat", "a dog"])
        found["embeddings"] = [len(one.embedding) for one in vectors.data]  # base64 on the wire


asyncio.run(story())
print(json.dumps(found))
