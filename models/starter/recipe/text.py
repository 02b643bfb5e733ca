"""Pre-training the text encoder: say what a caption is about, before any picture is seen.

From a random text encoder, the UNet learns one picture for every prompt and the text never
takes hold within an affordable number of samples; a minute of this first cures it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.clip.modeling_clip import CLIPTextModel

from recipe.loop import Dice
from recipe.pool import Texts

WHOLE_SHARE = 0.15
"""How many batches keep all 77 positions on a CPU, where the shorter ones cost a third."""
SHORT = 24
"""The shorter ones' positions: more than nearly every caption has, and always as many, so that
the UNet is compiled once."""


def build_heads(texts: Texts, width: int) -> nn.ModuleList:
    """A linear classifier for each label."""
    return nn.ModuleList([nn.Linear(width, size) for size in texts.sizes])


@dataclass(eq=False)
class TextTask:
    """Classifies subjects, colours, style, count and kind at the end mark and at a pad."""

    modules: nn.ModuleDict
    texts: Texts
    name: str = "text"

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """Sum of the cross-entropies of all labels."""
        tokens, labels = draw_captions(self.texts, batch, dice)
        encoder: CLIPTextModel = self.modules["text_encoder"]  # type: ignore[assignment]
        hidden = encoder(input_ids=tokens).last_hidden_state
        at = end_positions(tokens, int(self.texts.empty[-1]))
        rows = torch.arange(batch, device=hidden.device)
        told = torch.cat([hidden[rows, at], hidden[:, -1]])
        heads: nn.ModuleList = self.modules["heads"]  # type: ignore[assignment]
        losses = [
            functional.cross_entropy(head(told).float(), labels[:, index].repeat(2))
            for index, head in enumerate(heads)
        ]
        return torch.stack(losses).sum()


def draw_captions(texts: Texts, batch: int, dice: Dice) -> tuple[Tensor, Tensor]:
    """Tokens (B, T) and labels (B, 7) of random captions, shortened now and then on a CPU."""
    index = torch.randint(len(texts.tokens), (batch,), generator=dice.cpu)
    which = torch.randint(texts.tokens.shape[1], (batch,), generator=dice.cpu)
    device = texts.tokens.device
    index, which = index.to(device), which.to(device)
    tokens = shortened(texts.tokens[index, which].long(), texts, dice)
    return tokens, texts.labels[index].long()


def shortened(tokens: Tensor, texts: Texts, dice: Dice) -> Tensor:
    """Cuts padding off most batches on a CPU; a GPU keeps one shape."""
    if tokens.is_cuda or float(torch.rand((), generator=dice.cpu)) < WHOLE_SHARE:
        return tokens
    longest = int(end_positions(tokens, int(texts.empty[-1])).max())
    return tokens[:, :SHORT] if longest + 2 <= SHORT else tokens


def end_positions(tokens: Tensor, eos: int) -> Tensor:
    """Where each row's first end mark is, (B,)."""
    return (tokens == eos).int().argmax(dim=1)
