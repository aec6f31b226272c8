"""The losses against hand computations."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from resources.qwen_verify.losses import (  # noqa: E402
    IGNORED,
    d2po_loss,
    mean_token_loss,
    reply_logprobs,
)

pytestmark = pytest.mark.neural


def test_a_reply_is_as_likely_as_its_tokens_are_together() -> None:
    # Two tokens of a vocabulary of two; token t is predicted at position t - 1.
    odds = torch.tensor([[[0.0, math.log(3)], [math.log(4), 0.0], [9.0, -9.0]]])
    labels = torch.tensor([[IGNORED, 1, 0]])
    assert reply_logprobs(odds, labels).item() == pytest.approx(math.log(3 / 4) + math.log(4 / 5))
    assert mean_token_loss(reply_logprobs(odds, labels), labels).item() == pytest.approx(
        -(math.log(3 / 4) + math.log(4 / 5)) / 2
    )


def test_the_d2po_loss_is_the_papers_formula() -> None:
    beta = 0.5
    policy = (math.log(0.6), math.log(0.2))
    reference = (math.log(0.3), math.log(0.4))
    better = beta * math.log(0.6 / 0.3)
    worse = beta * math.log(0.2 / 0.4)
    expected = -math.log(1 / (1 + math.exp(-(better - worse))))
    loss, margin = d2po_loss(*(torch.tensor([value]) for value in (*policy, *reference)), beta)
    assert loss.item() == pytest.approx(expected)
    assert margin.item() == pytest.approx(better - worse)
    # By hand: the margin is 0.5 * (ln 2 + ln 2) = ln 2, so the loss is ln(1 + 1/2).
    assert loss.item() == pytest.approx(math.log(1.5))


def test_equal_models_lose_ln_two_whatever_beta_is() -> None:
    same = torch.tensor([-3.0, -70.0]), torch.tensor([-5.0, -9.0])
    for beta in (0.01, 0.1, 5.0):
        loss, _ = d2po_loss(*same, *same, beta)
        assert loss.tolist() == pytest.approx([math.log(2)] * 2)


def test_the_gradient_raises_the_chosen_and_lowers_the_rejected_reply() -> None:
    chosen = torch.tensor([-3.0], requires_grad=True)
    rejected = torch.tensor([-3.0], requires_grad=True)
    loss, _ = d2po_loss(chosen, rejected, torch.tensor([-3.0]), torch.tensor([-3.0]), 0.1)
    loss.sum().backward()
    # d/dx -log sigmoid(beta x) at 0 is -beta / 2.
    assert chosen.grad.item() == pytest.approx(-0.05)
    assert rejected.grad.item() == pytest.approx(0.05)
