"""The two losses: cross entropy on the reply, and D2PO (PAPER.md, Qwen-Verify)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100


def reply_logprobs(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log pi(reply) of each row, float32 of shape (rows,).

    Args:
        logits: (rows, tokens, vocabulary); position t predicts token t + 1.
        labels: (rows, tokens); ``IGNORED`` outside the reply.
    """
    targets = labels[:, 1:]
    wanted = targets != IGNORED
    logprobs = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED,
        reduction="none",
    )  # fmt: skip
    return -(logprobs.view(targets.shape) * wanted).sum(-1)


def reply_tokens(labels: Tensor) -> Tensor:
    """Return how many tokens each row's reply has, int64 of shape (rows,)."""
    return (labels[:, 1:] != IGNORED).sum(-1)


def d2po_loss(
    chosen: Tensor, rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor,
    beta: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the D2PO loss of each row and its margin A(p_w, c_v) - A(p_l, c_v).

    A(p, c_v) = beta * log(pi_theta(p | c_v) / pi_ref(p | c_v)); L = -log sigmoid(margin). The four
    arguments are log-probabilities of whole replies, (rows,), all under the same pictures: with
    c_v this is D2PO, without it plain DPO.
    """
    margin = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    return -functional.logsigmoid(margin), margin.detach()


def mean_token_loss(logprobs: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy for each token of the replies, a scalar."""
    return -logprobs.sum() / torch.clamp(reply_tokens(labels).sum(), min=1)
