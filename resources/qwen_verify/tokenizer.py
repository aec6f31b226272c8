"""The small model's own tokenizer: words and the chain's keys are tokens, any text can be written.

Byte-level BPE, so nothing is unknown; what stands between two values of the chain is one token
each, so that a reply is as short as what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
# A word with the blank before it; a run of Chinese between its particles; one of anything else.
_PIECES = (
    r" ?[A-Za-z]+| ?\d|[把的了成为到从在和与使让将上下左右中里个张]|"
    r"[^\x00-\x7f把的了成为到从在和与使让将上下左右中里个张，。、“”：；]+|[^A-Za-z\d]"
)


def chain_pieces() -> list[str]:
    """Return what stands between the values of a chain, as one token each."""
    names = list(SCHEMA["properties"])  # type: ignore[arg-type, call-overload]
    first, caption, differences, changed, kind, english, chinese = names
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
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
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
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
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
