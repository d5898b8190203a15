"""The training loop that the three models share."""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel


def train(
    model: PreTrainedModel,
    loss_of: Callable[[], Tensor],
    *,
    steps: int,
    rate: float,
    decay: float = 0.01,
) -> None:
    """Run AdamW for some steps: a short warm-up, then the rate falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 20, 1 - step / steps)
    )
    model.train()
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"  step {step:4d}  loss {loss.item():.3f}", flush=True)
    model.eval()
