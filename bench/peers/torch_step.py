#!/usr/bin/env python3
"""A training step of UniFormerV2 experts in PyTorch 2, written as its users would: SDPA, fused AdamW, autocast, torch.compile.

    torch_step.py MODEL BATCH f32|tf32|bf16 THREADS|gpu eager|compile

Speaks the protocol of bench/steps.py: `peer.py` says how. Shapes, losses and optimizer are those of models/mome_htl.mome.
"""
import sys

import peer

MODEL, BATCH, PRECISION, PLACE, MODE = peer.arguments()
DEVICE = "cuda" if PLACE == "gpu" else "cpu"

import torch
import torch.nn.functional as F
from torch import nn

if DEVICE == "cpu":
    torch.set_num_threads(PLACE)
torch.set_float32_matmul_precision("high" if PRECISION == "tf32" else "highest")
torch.backends.cudnn.allow_tf32 = PRECISION == "tf32"


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def join(self, q, k, v):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def forward(self, x):
        return self.join(*F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, -1))

    def cross(self, x, y):
        d = x.shape[-1]
        q = F.linear(x, self.in_proj_weight[:d], self.in_proj_bias[:d])
        return self.join(q, *F.linear(y, self.in_proj_weight[d:], self.in_proj_bias[d:]).chunk(2, -1))


class MLP(nn.Module):
    def __init__(self, dim, rate=0.0):
        super().__init__()
        self.c_fc, self.c_proj, self.rate = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim), rate

    def forward(self, x):
        h = self.c_fc(x)
        return self.c_proj(F.dropout(h * torch.sigmoid(1.702 * h), self.rate, self.training))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = nn.LayerNorm(dim), Attention(dim, heads), nn.LayerNorm(dim), MLP(dim)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Extractor(nn.Module):
    def __init__(self, dim, heads, rate):
        super().__init__()
        self.ln_1, self.ln_2, self.ln_3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn, self.mlp = Attention(dim, heads), MLP(dim, rate)

    def forward(self, cls, y):
        cls = cls + self.attn.cross(self.ln_1(cls), self.ln_3(y))
        return cls + self.mlp(self.ln_2(cls))


class Expert(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s, d = s, s.dim
        self.conv1 = nn.Conv3d(3, d, (1, s.patch, s.patch), (1, s.patch, s.patch), bias=False)
        self.class_embedding = nn.Parameter(torch.randn(d) * d**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(s.side**2 + 1, d) * d**-0.5)
        self.ln_pre = nn.LayerNorm(d)
        self.blocks = nn.ModuleList(Block(d, s.heads) for _ in range(s.depth))
        self.dpe = nn.ModuleList(nn.Conv3d(d, d, 3, padding=1, groups=d) for _ in range(s.globals))
        self.dec = nn.ModuleList(Extractor(d, s.heads, s.rate) for _ in range(s.globals))
        self.temporal_cls_token = nn.Parameter(torch.zeros(1, 1, d))
        self.balance = nn.Parameter(torch.zeros(d))

    def forward(self, x):
        s, batch = self.s, x.shape[0]
        x = self.conv1(x).permute(0, 2, 3, 4, 1).reshape(batch * s.frames, -1, s.dim)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        x, video, cls, st = self.ln_pre(x), self.temporal_cls_token.expand(batch, 1, -1), [], []
        for i, block in enumerate(self.blocks):
            x = block(x)
            j = i - (s.depth - s.globals)
            if j >= 0:
                grid = x[:, 1:].reshape(batch, s.frames, s.side, s.side, s.dim).permute(0, 4, 1, 2, 3)
                grid = self.dpe[j](grid).permute(0, 2, 3, 4, 1).reshape(x.shape[0], -1, s.dim)
                y = torch.cat([x[:, :1], x[:, 1:] + grid], 1)
                video = self.dec[j](video, y.reshape(batch, -1, s.dim))
            cls.append(x[:, 0].reshape(batch, s.frames, -1).mean(1))
            st.append(x[:, 1:].reshape(batch, -1, s.dim))
        w = torch.sigmoid(self.balance)
        cls[-1] = (1 - w) * video[:, 0] + w * cls[-1]
        return cls, st


def kl(teacher, student):
    return F.kl_div(student.float().log_softmax(-1), teacher.float().log_softmax(-1), reduction="none", log_target=True).sum(-1).mean()


class MoME(nn.Module):
    """Experts, voting gate and head; the loss of a batch. One expert has neither gate nor HTL losses."""

    def __init__(self, s):
        super().__init__()
        self.s, n = s, s.experts
        self.experts = nn.ModuleList(Expert(s) for _ in range(n))
        self.gate = nn.Linear(n * s.dim, n)
        self.norm, self.head = nn.LayerNorm(s.dim), nn.Linear(s.dim, s.classes)
        self.block_weights = nn.Parameter(torch.ones(s.depth - 1))

    def htl(self, found):
        n = self.s.depth - 1
        weights = n * self.block_weights.softmax(0)
        intra = [weights[l] * (kl(cls[-1].detach(), cls[l]) + kl(st[-1].detach().flatten(1), st[l].flatten(1)))
                 for cls, st in found for l in range(n)]
        deep = [cls[-1].float() for cls, _ in found]
        inter = [F.mse_loss(a, b) for a in deep for b in deep if a is not b]
        return 0.01 * sum(intra) / len(intra) + sum(inter) / len(inter)

    def forward(self, videos, labels):
        found = [expert(video) for expert, video in zip(self.experts, videos)]
        deep = [cls[-1] for cls, _ in found]
        z = deep[0]
        if len(deep) > 1:
            vote = self.gate(torch.cat(deep, -1)).softmax(-1)
            z = sum(vote[:, n : n + 1] * c for n, c in enumerate(deep))
        logits = self.head(F.dropout(self.norm(z), self.s.rate, self.training))
        loss = F.cross_entropy(logits.float(), labels)
        return loss + self.htl(found) if len(deep) > 1 else loss


def make_step():
    torch.manual_seed(0)
    s = peer.SIZES[MODEL]
    model = MoME(s).to(DEVICE).train()
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-5, betas=(0.9, 0.999), fused=True)
    videos = [torch.rand(BATCH, 3, s.frames, s.size, s.size, device=DEVICE) * 2 - 1 for _ in range(s.experts)]
    labels = torch.zeros(BATCH, dtype=torch.long, device=DEVICE)

    def loss_of(videos, labels):
        with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=PRECISION == "bf16"):
            return model(videos, labels)

    compiled = torch.compile(loss_of) if MODE == "compile" else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        compiled(videos, labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), s.clip)
        optimizer.step()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    return step


if __name__ == "__main__":
    peer.serve(f"PyTorch {torch.__version__}", make_step, torch.cuda.max_memory_allocated if DEVICE == "cuda" else peer.resident)
