"""Anthropic's client on `/v1/messages`. `anthropic_sdk.py ADDRESS CHAT`."""

import json
import sys

import anthropic

address, chat = sys.argv[1:]
with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
    call = {
        "model": chat,
        "max_tokens": 20,
        "messages": [{"role": "user", "content": "Say hello"}],
        "extra_body": {"temperature": 0},
    }
    said = client.messages.create(**call)
    with client.messages.stream(**call) as stream:
        streamed = "".join(stream.text_stream)
        tokens = stream.get_final_message().usage.output_tokens
    try:
        client.messages.create(**{**call, "model": "org/none"})
        unknown = None
    except anthropic.NotFoundError as error:
        unknown = error.body["error"]["code"]
    counted = client.messages.count_tokens(model=chat, messages=call["messages"])
print(
    json.dumps(
        {
            "said": said.content[0].text,
            "stop": said.stop_reason,
            "streamed": streamed,
            "tokens": tokens,
            "unknown": unknown,
            "counted": counted.input_tokens,
        }
    )
)
