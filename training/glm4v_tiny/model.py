"""glm4v in its published form and with its published state-dict names, batched over pictures of one size."""

from dataclasses import dataclass, field

import torch
import torch.nn as nn
import torch.nn.functional as F


LONG = 200  # keys from which one head at a time is faster than all heads in one product (measured, bf16, one core)


@dataclass(frozen=True)
class VisionShape:
    hidden_size: int = 256
    depth: int = 8
    num_heads: int = 4
    intermediate_size: int = 768  # of the merger; the blocks' own is out_hidden_size
    out_hidden_size: int = 320
    image_size: int = 256  # side of the position table, pixels
    patch_size: int = 8
    temporal_patch_size: int = 2
    spatial_merge_size: int = 2
    in_channels: int = 3
    rms_norm_eps: float = 1e-5


@dataclass(frozen=True)
class TextShape:
    vocab_size: int = 1600
    hidden_size: int = 320
    intermediate_size: int = 896
    num_hidden_layers: int = 6
    num_attention_heads: int = 5  # the reference takes hidden_size / heads for the size of a head
    num_key_value_heads: int = 5
    head_dim: int = 64
    rms_norm_eps: float = 1e-5
    max_position_embeddings: int = 4096
    rope_theta: float = 10000.0
    partial_rotary_factor: float = 0.5
    mrope_section: tuple[int, int, int] = (4, 6, 6)


@dataclass(frozen=True)
class Shape:
    vision: VisionShape = field(default_factory=VisionShape)
    text: TextShape = field(default_factory=TextShape)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


def gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return F.silu(gate) * up


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """In the type of its input, which autocast would widen: inside, sums are taken in 32 bits anyway."""
    return torch._softmax(scores, -1, False)


class HeadByHead(torch.autograd.Function):
    """softmax(q k' + mask) v of [heads, rows, size] by keys and values [heads, keys, size], one head after another.

    On one core in bf16, forward and back, 1.4 to 1.9 times as fast as PyTorch's fused attention from 280 to 1,760 keys:
    what is multiplied stays in the cache and nothing is computed twice."""

    @staticmethod
    def forward(ctx, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        out, shares = torch.empty_like(q), []
        for head in range(len(q)):
            scores = q[head] @ k[head].T
            shares.append(softmax(scores if mask is None else scores + mask))
            torch.mm(shares[head], v[head], out=out[head])
        ctx.save_for_backward(q, k, v)
        ctx.shares = shares
        return out

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        q, k, v = ctx.saved_tensors
        gradient = gradient.contiguous()
        by_q, by_k, by_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for head, share in enumerate(ctx.shares):
            torch.mm(share.T, gradient[head], out=by_v[head])
            by_score = torch._softmax_backward_data(gradient[head] @ v[head].T, share, -1, share.dtype)
            torch.mm(by_score, k[head], out=by_q[head])
            torch.mm(by_score.T, q[head], out=by_k[head])
        return by_q, by_k, by_v, None


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
    """Attention of [batch, heads, length, size] over keys of the same or fewer heads."""
    batch, heads, length, size = q.shape
    shared, keys = k.shape[1], k.shape[2]
    groups = heads // shared  # heads that share a key are rows of one product
    q, k = q.to(v.dtype), k.to(v.dtype)
    rows = (q * size**-0.5).reshape(batch, shared, groups * length, size)
    mask = torch.full((length, length), -1e9, dtype=v.dtype).triu(1).repeat(groups, 1) if causal else None
    if keys > LONG:
        flat = [part.reshape(batch * shared, -1, size) for part in (rows, k, v)]
        return HeadByHead.apply(*flat, mask).view(q.shape)
    scores = rows @ k.transpose(-1, -2)
    return (softmax(scores if mask is None else scores + mask) @ v).view(q.shape)


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, self.weight, self.eps)


class VisionAttention(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.heads = shape.num_heads
        self.qkv = nn.Linear(shape.hidden_size, 3 * shape.hidden_size, bias=False)
        self.proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, watched: list | None) -> torch.Tensor:
        batch, count, size = x.shape
        q, k, v = self.qkv(x).view(batch, count, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        q, k = rotate_halves(q, cos, sin), rotate_halves(k, cos, sin)
        if watched is not None:
            watched.append((q, k, v))
        out = attend(q, k, v, causal=False)
        return self.proj(out.transpose(1, 2).reshape(batch, count, size))


def rotate_halves(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """The vision tower's rotary embedding: dimension i turns with i + half."""
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


class GatedMlp(nn.Module):
    """SwiGLU with separate gate and up projections."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(size, inner, bias=False)
        self.up_proj = nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(gated(self.gate_proj(x), self.up_proj(x)))


class VisionBlock(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.norm1 = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.norm2 = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.attn = VisionAttention(shape)
        self.mlp = GatedMlp(shape.hidden_size, shape.out_hidden_size)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, watched: list | None) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), cos, sin, watched)
        return x + self.mlp(self.norm2(x))


class Merger(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        size = shape.out_hidden_size
        self.proj = nn.Linear(size, size, bias=False)
        self.post_projection_norm = nn.LayerNorm(size)
        self.gate_proj = nn.Linear(size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.post_projection_norm(self.proj(x)))
        return self.down_proj(gated(self.gate_proj(x), self.up_proj(x)))


class PatchEmbed(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        kernel = (shape.temporal_patch_size, shape.patch_size, shape.patch_size)
        self.proj = nn.Conv3d(shape.in_channels, shape.hidden_size, kernel, kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., 192] one frame's patch: a still picture is two equal frames, so the filters of both add up."""
        weight = self.proj.weight.sum(2).flatten(1)
        return F.linear(x, weight, self.proj.bias)


class PositionTable(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.position_embedding = nn.Embedding((shape.image_size // shape.patch_size) ** 2, shape.hidden_size)


class Vision(nn.Module):
    def __init__(self, shape: VisionShape) -> None:
        super().__init__()
        self.shape = shape
        size, merge = shape.hidden_size, shape.spatial_merge_size
        self.patch_embed = PatchEmbed(shape)
        self.post_conv_layernorm = RMSNorm(size, shape.rms_norm_eps)
        self.embeddings = PositionTable(shape)
        self.blocks = nn.ModuleList(VisionBlock(shape) for _ in range(shape.depth))
        self.post_layernorm = RMSNorm(size, shape.rms_norm_eps)
        self.downsample = nn.Conv2d(size, shape.out_hidden_size, merge, merge)
        self.merger = Merger(shape)

    def forward(self, pixels: torch.Tensor, rows: int, columns: int, watched: list | None = None) -> torch.Tensor:
        """Patches [pictures, rows*columns, 192] in merge order -> visual tokens [pictures, rows*columns/4, out]. Each block's
        turned queries and keys and its values, [pictures, heads, rows*columns, head], are added to `watched`."""
        x = self.post_conv_layernorm(self.patch_embed(pixels))
        row, column = merge_order(rows, columns)
        x = x + self.position_embeddings(row, column, rows, columns).to(x.dtype)
        cos, sin = self.angles(row, column, x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin, watched)
        x = self.post_layernorm(x)
        batch, count, size = x.shape
        weight = self.downsample.weight.permute(0, 2, 3, 1).flatten(1)  # [out, 4 patches x hidden]
        return self.merger(F.linear(x.reshape(batch, count // 4, 4 * size), weight, self.downsample.bias))

    def position_embeddings(self, row: torch.Tensor, column: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """The square table stretched over the picture, bicubic: [patches, hidden]."""
        side = self.shape.image_size // self.shape.patch_size
        table = self.embeddings.position_embedding.weight.view(1, side, side, -1).permute(0, 3, 1, 2).float()
        at = torch.stack((2 * (column + 0.5) / columns - 1, 2 * (row + 0.5) / rows - 1), -1).view(1, -1, 1, 2)
        return F.grid_sample(table, at, mode="bicubic", padding_mode="border", align_corners=False)[0, :, :, 0].T

    def angles(self, row: torch.Tensor, column: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        size = self.shape.hidden_size // self.shape.num_heads
        frequency = 1 / 10000 ** (torch.arange(0, size // 2, 2) / (size // 2))
        angle = torch.cat((row[:, None] * frequency, column[:, None] * frequency), -1).repeat(1, 2)
        return angle.cos().to(dtype), angle.sin().to(dtype)


def merge_order(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column of each patch when the four patches of a visual token follow one another."""
    shape = (rows // 2, columns // 2, 2, 2)
    row = torch.arange(rows).view(rows // 2, 1, 2, 1).expand(shape)
    column = torch.arange(columns).view(1, columns // 2, 1, 2).expand(shape)
    return row.reshape(-1), column.reshape(-1)


class TextAttention(nn.Module):
    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.shape = shape
        size, head = shape.hidden_size, shape.head_dim
        self.q_proj = nn.Linear(size, shape.num_attention_heads * head)
        self.k_proj = nn.Linear(size, shape.num_key_value_heads * head)
        self.v_proj = nn.Linear(size, shape.num_key_value_heads * head)
        self.o_proj = nn.Linear(shape.num_attention_heads * head, size, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, cache: list | None, watched: list | None) -> torch.Tensor:
        batch, length, _ = x.shape
        split = lambda y: y.view(batch, length, -1, self.shape.head_dim).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        q, k = rotate_pairs(q, cos, sin), rotate_pairs(k, cos, sin)
        if watched is not None:
            watched.append((q, k, v))
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        out = attend(q, k, v, causal=length > 1)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


def rotate_pairs(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """The text model's rotary embedding: neighbours 2i and 2i+1 turn together; the rest of the head stays."""
    turned = 2 * cos.shape[-1]
    even, odd = x[..., 0:turned:2], x[..., 1:turned:2]
    pairs = torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2)
    return torch.cat((pairs, x[..., turned:]), -1)


class TextMlp(nn.Module):
    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(shape.hidden_size, 2 * shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        return self.down_proj(gated(gate, up))


class TextLayer(nn.Module):
    """A sandwich: each half is normalised before and after."""

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        norm = lambda: RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = TextAttention(shape)
        self.mlp = TextMlp(shape)
        self.input_layernorm, self.post_self_attn_layernorm = norm(), norm()
        self.post_attention_layernorm, self.post_mlp_layernorm = norm(), norm()

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, cache: list | None, watched: list | None) -> torch.Tensor:
        x = x + self.post_self_attn_layernorm(self.self_attn(self.input_layernorm(x), cos, sin, cache, watched))
        return x + self.post_mlp_layernorm(self.mlp(self.post_attention_layernorm(x)))


class LanguageModel(nn.Module):
    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(TextLayer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)


class Inner(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.visual = Vision(shape.vision)
        self.language_model = LanguageModel(shape.text)


class Glm4v(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Inner(shape)
        self.lm_head = nn.Linear(shape.text.hidden_size, shape.text.vocab_size, bias=False)

    def see(self, pixels: torch.Tensor, rows: int, columns: int, watched: list | None = None) -> torch.Tensor:
        return self.model.visual(pixels, rows, columns, watched)

    def embed(self, ids: torch.Tensor, images: torch.Tensor | None, image_token: int) -> torch.Tensor:
        """Token embeddings [batch, length, hidden] with the visual tokens in the places of the image token."""
        x = self.model.language_model.embed_tokens(ids)
        if images is None:
            return x
        return x.masked_scatter((ids == image_token)[..., None], images.reshape(-1, images.shape[-1]).to(x.dtype))

    def think(self, x: torch.Tensor, positions: torch.Tensor, caches: list | None = None, watched: list | None = None,
              states: list | None = None) -> torch.Tensor:
        """Hidden states [batch, length, hidden]; positions [3, batch, length]. Each layer's turned queries and keys
        and its values, [batch, heads, length, head], are added to `watched`, what it leaves, [batch, length, hidden], to `states`."""
        cos, sin = self.angles(positions, x.dtype)
        for index, layer in enumerate(self.model.language_model.layers):
            x = layer(x, cos, sin, None if caches is None else caches[index], watched)
            if states is not None:
                states.append(x)
        return self.model.language_model.norm(x)

    def say(self, x: torch.Tensor) -> torch.Tensor:
        """What would be said if a layer's output were the last one's: logits [..., vocabulary]."""
        return self.lm_head(self.model.language_model.norm(x))

    def fetch(self, layer: int, heads: tuple[int, ...], values: torch.Tensor) -> torch.Tensor:
        """What these heads of a layer would add to the stream if they looked at one token alone: its values [tokens, heads,
        head] -> [tokens, hidden]."""
        kept = torch.zeros(values.shape[1], 1, dtype=values.dtype)
        kept[list(heads)] = 1
        block = self.model.language_model.layers[layer]
        return block.post_self_attn_layernorm(block.self_attn.o_proj((values * kept).flatten(1)))

    def angles(self, positions: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin [batch, 1, length, rotary/2]; each frequency follows its own axis."""
        text = self.shape.text
        turned = int(text.head_dim * text.partial_rotary_factor)
        frequency = 1 / text.rope_theta ** (torch.arange(0, turned, 2) / turned)
        axis = torch.repeat_interleave(torch.arange(3), torch.tensor(text.mrope_section))
        angle = (positions[axis].permute(1, 2, 0).float() * frequency)[:, None]
        return angle.cos().to(dtype), angle.sin().to(dtype)


def compile_elementwise() -> None:
    """Fuses the element-wise parts for training: on a CPU they cost more than the matrix products when run one by one."""
    for name in ("rms_norm", "gated", "rotate_halves", "rotate_pairs"):
        globals()[name] = torch.compile(globals()[name], dynamic=True)
