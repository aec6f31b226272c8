"""The small model's own tokenizer: words and the chain's keys are tokens, any text can be written.

Byte-level BPE, so nothing is unknown; what stands between two values of the chain is one token
each, so that a reply is as short as what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from unicedit_assets.synthetic import words
from unicedit_assets.vlm.verifier import SCHEMA

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# The prompt's standing text is left out: this model was trained for one question only.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LONGEST = 2048
# What stands between Chinese words; a run between two of them is learned as it comes.
_PARTICLES = "把的了成为到从在和与使让将并上下里一个，。、“”：；"


def chain_pieces() -> list[str]:
    """Return what stands between the values of a chain, as one token each."""
    properties: Any = SCHEMA["properties"]
    first, caption, differences, changed, kind, english, chinese = properties
    return [
        f'{{"{first}":"',
        f'","{caption}":"',
        f'","{differences}":[',
        f'"],"{changed}":',
        f'],"{changed}":',
        f',"{kind}":"',
        f'","{english}":"',
        f'","{chinese}":"',
        '"}',
        '","',
    ]


def _pieces() -> str:
    """Return the pattern of what is never merged with its neighbours.

    An English word with the blank before it, a digit, a Chinese word of the synthetic vocabulary,
    a run of other Chinese, one of anything else.
    """
    tables: list[Mapping[str, Any]] = [
        *(words.COLOURS, words.CLASSES, words.MATERIALS, words.TEXTURES, words.BACKDROPS),
        *(words.STYLES, words.TONES, words.DIRECTIONS, words.PLACES, words.OTHER),
    ]
    known = {chinese for table in tables for chinese in map(_chinese, table.values())}
    listed = "|".join(map(re.escape, sorted(known, key=lambda word: (-len(word), word))))
    run = f"(?:(?!{listed})[^\\x00-\\x7f{_PARTICLES}])+"
    return rf" ?[A-Za-z]+| ?\d|{listed}|[{_PARTICLES}]|{run}|[^A-Za-z\d]"


def _chinese(entry: Any) -> str:
    """Return the Chinese word of a vocabulary's entry, which may hold more than it."""
    return entry if isinstance(entry, str) else next(v for v in entry if isinstance(v, str))


def train_tokenizer(texts: Iterable[str], size: int = 1024) -> Any:
    """Return a tokenizer for a corpus, as transformers and vLLM load it.

    Args:
        size: most tokens; how many words of the corpus stay whole.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_pieces()), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    core.add_tokens([AddedToken(piece, normalized=False) for piece in chain_pieces()])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_between(texts), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in chain_pieces()])
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _between(texts: Iterable[str]) -> Iterable[str]:
    """Yield the texts' parts between the chain's keys, which are tokens already."""
    pieces = sorted(chain_pieces(), key=len, reverse=True)
    for text in texts:
        parts = [text]
        for piece in pieces:
            parts = [part for one in parts for part in one.split(piece)]
        yield from filter(None, parts)
