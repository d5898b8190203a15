"""The text that the models learn from: Python's manual, and sentences made up by rule."""

import random
from pydoc_data.topics import topics as python_topics

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
