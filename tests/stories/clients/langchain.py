"""LangChain's client of OpenAI's API. `langchain.py ADDRESS CHAT EMBED`."""

import asyncio
import json
import sys

from langchain_openai import ChatOpenAI, OpenAIEmbeddings

address, name, embed = sys.argv[1:]
ways = {"base_url": f"{address}/v1", "api_key": "none"}
SCHEMA = {
    "title": "Word",
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["hello", "bye"]}},
    "required": ["word"],
    "additionalProperties": False,
}
TOWN = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
TOOL = {"name": "weather", "description": "Say how the weather is.", "parameters": TOWN}

chat = ChatOpenAI(model=name, temperature=0, **ways)
said = chat.invoke("Say hello")
# What is asked for by its length in tokens would be counted by tiktoken, which needs the internet.
vectors = OpenAIEmbeddings(model=embed, check_embedding_ctx_length=False, **ways)
responses = ChatOpenAI(model=name, temperature=0, use_responses_api=True, **ways)
print(
    json.dumps(
        {
            "said": said.content,
            "tokens": said.usage_metadata["total_tokens"],
            "streamed": "".join(piece.content for piece in chat.stream("Say hello")),
            "awaited": asyncio.run(chat.ainvoke("Say hello")).content,
            "structured": chat.with_structured_output(SCHEMA, method="json_schema").invoke(
                "Say hello"
            ),
            "tools": chat.bind_tools([{"type": "function", "function": TOOL}])
            .invoke("Say hello")
            .type,
            "embedding": len(vectors.embed_query("a cat")),
            "response": responses.invoke("Say hello").text,
        }
    )
)
