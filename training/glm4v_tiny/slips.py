"""Answers with the mistakes the model makes itself (scheduled sampling: Bengio et al. 2015, arXiv:1506.03099).

Taught on right answers only, it knows how to go on after a right character. One misread sends it elsewhere on the page, and
the rest of the line is lost with it."""

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from .chat import IGNORE
from .tokenizer import vocabulary_size

AHEAD = 3  # characters: one that says what comes so soon has not misread but left something out


def characters(tokenizer: Tokenizer) -> torch.Tensor:
    """[vocabulary]: true where a token alone is something to be seen."""
    special = tokenizer.get_added_tokens_decoder()
    seen = [token for token in range(tokenizer.get_vocab_size()) if token not in special and tokenizer.decode([token]).strip(" \n\ufffd")]
    return torch.isin(torch.arange(vocabulary_size(tokenizer)), torch.tensor(seen))


def begins(learned: torch.Tensor) -> torch.Tensor:
    """[batch, length]: true where something is learned and nothing is right before it."""
    return learned & ~F.pad(learned[:, :-1], (1, 0))


def with_slips(ids: torch.Tensor, targets: torch.Tensor, said: torch.Tensor, characters: torch.Tensor) -> torch.Tensor:
    """The ids [batch, length] with what is said [batch, length - 1], each token after its place, where that is one character
    misread for another. First characters stay: they decide what is answered. So do those that leave something out: after
    them the answer would have to go on elsewhere than the targets do."""
    wanted = targets[:, 1:]
    learned = wanted != IGNORE
    misread = learned & ~begins(learned) & (said != wanted) & characters[said] & characters[wanted.clamp(0)]
    for step in range(1, AHEAD + 1):
        misread &= said != F.pad(wanted[:, step:], (0, step), value=IGNORE)
    return torch.cat((ids[:, :1], torch.where(misread, said, ids[:, 1:])), 1)
