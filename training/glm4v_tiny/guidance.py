"""Auxiliary losses that tell a few attention heads where to look (guided attention: Liu et al. 2016, arXiv:1609.04186).

The renderer knows where each character of an answer stands, so the way over the page need not be found by trial: in the
vision tower, from a character to the next one and from the end of a piece of text to the next piece; in the language model, in the middle layers from a character
just said to where it stands, in the later ones to where the next stands. A name in the question is looked for like a
character said, and the token before the answer looks at the name. From the name of shapes it goes to all of them and, in a
fixed proportion, to the first token: the share left there tells how many they are, and the same token is made to say the
number as if the next layer were the last (deep supervision: Lee et al. 2014, arXiv:1409.5185). Nothing of this is needed once
the model is trained."""

import torch
import torch.nn.functional as F

from .links import AFTER, BELOW, NEXT

Head = tuple[int, int]  # layer (or block), head

VISION = {AFTER: ((3, 2), (7, 0)), BELOW: ((3, 3), (7, 1)), NEXT: ((6, 0), (7, 2))}  # block, head
STANDING = ((2, 1), (2, 4), (3, 2))  # layer, head: from a token to its own place
COMING = ((3, 0), (4, 0), (4, 3))  # layer, head: to the place of the token after it
ASKED = ((3, 3), (3, 4))  # layer, head: from the last token before an answer to the name in the question
COUNTING = ((2, 1), (2, 4))  # layer, head: from the name of shapes to the middle of each, and to the first token as to REST of them
REST = 3.0
SAYING = (4, (0, 3))  # layer, heads: of COMING those after which no other looks; what they fetch from a token alone says its character
COUNTED = ASKED[0][0] - 1  # layer after which the number can be read off the name of what is counted: the one before ASKED fetches it
FLAT = torch.tensor([1_000_000, 1])  # conversation and token as one number

Watched = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]  # by layer: queries, keys and values [batch, heads, length, size]


def attention(watched: Watched, layer: int, head: int, asked: torch.Tensor, causal: bool) -> torch.Tensor:
    """The logarithm of a head's attention, [queries asked, keys], where `asked` [batch, queries] is true."""
    queries, keys = (part[:, head].float() for part in watched[layer][:2])
    scores = ((queries @ keys.transpose(1, 2)).float() * queries.shape[-1] ** -0.5)[asked]
    if causal:
        scores = scores.masked_fill(torch.arange(scores.shape[1]) > asked.nonzero()[:, 1:], -1e9)
    return scores.log_softmax(-1)


def marked(watched: Watched, rows: torch.Tensor) -> torch.Tensor:
    """[batch, queries, keys]: true at `rows` [rows, 3]."""
    queries, keys, _ = watched[0]
    marks = torch.zeros(len(queries), queries.shape[2], keys.shape[2], dtype=torch.bool)
    marks[tuple(rows.T)] = True
    return marks


def misses(watched: Watched, name: str, heads: tuple[Head, ...], looks: torch.Tensor, causal: bool = True) -> dict[str, torch.Tensor]:
    """By head, minus the logarithm of the share of its attention that falls where it should, the mean over all queries;
    nothing where there is none.

    `looks` [looks, 3]: element of the batch, query, one of the keys it should look at."""
    if not len(looks):
        return {}
    wanted = marked(watched, looks)
    asked = wanted.any(-1)
    elsewhere = ~wanted[asked]
    return {f"{name}{layer}.{head}": -attention(watched, layer, head, asked, causal).masked_fill(elsewhere, -1e9).logsumexp(-1).mean()
            for layer, head in heads}


def guide_links(watched: Watched, links: torch.Tensor) -> dict[str, torch.Tensor]:
    """`links` [links, 4]: picture, relation, patch, patch."""
    own = {relation: links[links[:, 1] == relation][:, [0, 2, 3]] for relation in VISION}
    return {name: loss for relation, heads in VISION.items() for name, loss in misses(watched, "link", heads, own[relation], causal=False).items()}


def guide_looks(watched: Watched, looks: torch.Tensor, asked: torch.Tensor, hops: torch.Tensor, ends: torch.Tensor) -> dict[str, torch.Tensor]:
    """`looks` [looks, 3]: conversation, token of an answer, visual token; `asked` the same for the names in the questions,
    which nothing foretells; `hops`: conversation, last token before an answer, last token of the name in the question;
    `ends` [ends, 2]: conversation, end of a line. What comes after those and after names is the hardest, and few among many:
    it has losses of its own."""
    before = looks - torch.tensor([0, 1, 0])
    after = lambda tokens: before[torch.isin(before[:, :2] @ FLAT, tokens[:, :2] @ FLAT)]
    later = tuple(place for place in COMING if place[0] > ASKED[0][0])
    return (misses(watched, "look", STANDING, torch.cat((looks, asked))) | misses(watched, "look", COMING, before)
            | misses(watched, "hop", ASKED, hops) | misses(watched, "begin", later, after(hops)) | misses(watched, "row", later, after(ends)))


def guide_counts(watched: Watched, counts: torch.Tensor) -> dict[str, torch.Tensor]:
    """`counts` [counts, 4]: conversation, last token of the name in the question, a token, and what it is a part of: 0 the
    first token, then the shapes that count, each in the visual tokens around its middle. How far the attention is from equal
    shares (Kullback-Leibler); where within a shape it falls is free."""
    if not len(counts):
        return {}
    names, name = counts[:, :2].unique(dim=0, return_inverse=True)
    asked = marked(watched, counts[:, :3]).any(-1)
    parts = torch.zeros(len(names), int(counts[:, 3].max()) + 1, watched[0][1].shape[2], dtype=torch.bool)
    parts[name, counts[:, 3], counts[:, 2]] = True
    shares = parts.any(-1).float()
    shares[:, 0] = REST
    shares /= shares.sum(-1, keepdim=True)
    fallen = lambda head: attention(watched, *head, asked, True)[:, None].masked_fill(~parts, -1e9).logsumexp(-1)  # [names, parts]
    return {f"count{layer}.{head}": F.kl_div(fallen((layer, head)), shares, reduction="batchmean") for layer, head in COUNTING}


def numbers(counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`counts` [counts, 4] as above: the names [names, 2], conversation and token, and how many there are of each [names]."""
    names, parts = counts[:, [0, 1, 3]].unique(dim=0)[:, :2].unique(dim=0, return_counts=True)
    return names, parts - 1
