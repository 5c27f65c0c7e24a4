"""The ten fusion models of MERBench in PyTorch, as the reference toolkit computes them.

`build` makes a model by its name. attention, lmf and mult can also be made for A models at once (horizontally fused).
The utterance-level models are in this file, those that read sequences in sequence_models.py.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import sequence_models
from blocks import Fusion, LayerNorm, Linear, MLPEncoder, Setting

# Default values of the options, as `merbench model NAME` shows them.
COMMON = {"hidden_dim": 128, "dropout": 0.3}
CLIPPED = {"grad_clip": -1.0}
DEFAULTS = {
    "attention": COMMON,
    "tfn": COMMON,
    "lmf": COMMON | {"rank": 4},
    "misa": COMMON | CLIPPED | {"sim_weight": 0.1, "diff_weight": 0.1, "recon_weight": 0.1},
    "mmim": COMMON | CLIPPED | {"cpc_layers": 1, "alpha": 0.1, "beta": 0.1},
    "mfn": COMMON | {"mem_dim": 128, "window_dim": 2},
    "graph_mfn": COMMON | {"mem_dim": 128},
    "mfm": COMMON | {"mem_dim": 128, "window_dim": 2, "lda_xl": 0.1, "lda_xa": 0.1, "lda_xv": 0.1, "lda_mmd": 10},
    "mctn": COMMON | CLIPPED | {"loss_weight": 0.3, "teacher_forcing_ratio": 0.5},
    "mult": COMMON | CLIPPED | {"layers": 4, "num_heads": 8, "conv1d_kernel_size": 3},
}
NEED_FRAMES = ("mfn", "graph_mfn", "mfm", "mctn", "mult")
MANY = ("attention", "lmf", "mult")  # the models of torch_fused.py and jax_vmap.py


class Attention(Fusion):
    """The encodings, without dropout, are weighted with raw scores, without softmax."""

    def __init__(self, setting):
        super().__init__(setting)
        self.add_encoders()
        count, hidden = sum(d > 0 for d in setting.dims), setting.hidden
        self.attention_mlp = None
        if count > 1:
            self.attention_mlp = MLPEncoder(count * hidden, hidden, setting.dropout, setting.lead)
            self.fc_att = Linear(hidden, count, setting.lead)
        self.add_heads(hidden)

    def fuse(self, inputs):
        encoded = self.encode(inputs)
        if self.attention_mlp is None:
            return encoded[0], None
        scores = self.fc_att(self.attention_mlp(torch.cat(encoded, dim=-1)))  # (B, K)
        stacked = torch.stack(encoded, dim=-1)  # (B, H, K)
        return torch.matmul(stacked, scores.unsqueeze(-1)).squeeze(-1), None


def prepend_one(x):
    return F.pad(x, (1, 0), value=1.0)


class TFN(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        self.add_encoders()
        hidden = setting.hidden
        self.post_fusion_dropout = nn.Dropout(setting.dropout)
        self.post_fusion_layer_1 = Linear((hidden + 1) ** 3, hidden)
        self.post_fusion_layer_2 = Linear(hidden, hidden)
        self.add_heads(hidden)

    def fuse(self, inputs):
        audio, text, video = (prepend_one(x) for x in self.encode(inputs))
        pairs = torch.bmm(audio.unsqueeze(2), video.unsqueeze(1)).flatten(1)  # audio slowest
        product = torch.bmm(pairs.unsqueeze(2), text.unsqueeze(1)).flatten(1)
        x = torch.relu(self.post_fusion_layer_1(self.post_fusion_dropout(product)))
        return torch.relu(self.post_fusion_layer_2(x)), None


class LMF(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        self.add_encoders()
        rank, hidden, width = int(setting.options["rank"]), setting.hidden, setting.hidden // 2
        deviation = math.sqrt(2 / ((hidden + 1 + rank) * width))
        for name in ("audio", "video", "text"):
            factor = torch.randn(*setting.lead, rank, hidden + 1, width) * deviation
            setattr(self, name + "_factor", nn.Parameter(factor))
        self.fusion_weights = nn.Parameter(torch.randn(*setting.lead, 1, rank) * math.sqrt(2 / (rank + 1)))
        self.fusion_bias = nn.Parameter(torch.zeros(*setting.lead, 1, width))
        self.add_heads(width)

    def fuse(self, inputs):
        factors = (self.audio_factor, self.text_factor, self.video_factor)
        encoded = [prepend_one(x).unsqueeze(-3) for x in self.encode(inputs)]  # (1, B, 1 + H)
        audio, text, video = (torch.matmul(x, f) for x, f in zip(encoded, factors))  # (K, B, O)
        product = audio * video * text
        mixed = torch.matmul(self.fusion_weights, product.flatten(-2)).unflatten(-1, product.shape[-2:])
        return mixed.squeeze(-3) + self.fusion_bias, None


def moments_distance(x, y):
    """Central moment discrepancy with five moments."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    distance = (mean_x - mean_y).square().sum().sqrt()
    for k in range(2, 6):
        distance = distance + ((x**k).mean(0) - (y**k).mean(0)).square().sum().sqrt()
    return distance


def difference(x, y):
    """Mean square of the correlations of unit rows; the gradient treats norms as constants."""
    x, y = x - x.mean(0), y - y.mean(0)
    x = x / (x.norm(dim=1, keepdim=True).detach() + 1e-6)
    y = y / (y.norm(dim=1, keepdim=True).detach() + 1e-6)
    return torch.mm(x.t(), y).square().mean()


class MISA(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        self.add_encoders()
        h = setting.hidden
        for m in "tva":
            project, private = nn.Module(), nn.Module()
            setattr(project, f"project_{m}", Linear(h, h))
            setattr(project, f"project_{m}_layer_norm", LayerNorm(h))
            setattr(private, f"private_{m}_{3 if m == 'a' else 1}", Linear(h, h))
            setattr(self, f"project_{m}", project)
            setattr(self, f"private_{m}", private)
            setattr(self, f"recon_{m}", nn.Module())
            setattr(getattr(self, f"recon_{m}"), f"recon_{m}_1", Linear(h, h))
        self.shared = nn.Module()
        self.shared.shared_1 = Linear(h, h)
        self.fusion = nn.Module()
        self.fusion.fusion_layer_1 = Linear(6 * h, 3 * h)
        self.fusion.fusion_layer_3 = Linear(3 * h, h // 2)
        self.fusion_dropout = nn.Dropout(setting.dropout)
        layer = nn.TransformerEncoderLayer(h, 2, 2048, 0.1, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.add_heads(h // 2)

    def split(self, m, x):
        """-> projection, private part, shared part, reconstruction of the projection"""
        project, private = getattr(self, f"project_{m}"), getattr(self, f"private_{m}")
        projected = getattr(project, f"project_{m}")(x)
        projected = getattr(project, f"project_{m}_layer_norm")(torch.relu(projected))
        own = torch.sigmoid(next(private.children())(projected))
        shared = torch.sigmoid(self.shared.shared_1(projected))
        return projected, own, shared, next(getattr(self, f"recon_{m}").children())(own + shared)

    def fuse(self, inputs):
        options = self.setting.options
        audio, text, video = self.encode(inputs)
        projected, own, shared, again = zip(*(self.split(m, x) for m, x in zip("tva", (text, video, audio))))
        tokens = self.transformer_encoder(torch.stack((*own, *shared), dim=1))  # (B, 6, H)
        x = torch.relu(self.fusion_dropout(self.fusion.fusion_layer_1(tokens.flatten(1))))
        features = self.fusion.fusion_layer_3(x)
        recon = sum(F.mse_loss(k, o) for k, o in zip(again, projected)) / 3
        diff = sum(difference(p, s) for p, s in zip(own, shared))
        diff = diff + difference(own[2], own[0]) + difference(own[2], own[1]) + difference(own[0], own[1])
        pairs = ((0, 1), (0, 2), (2, 1))
        sim = sum(moments_distance(shared[i], shared[j]) for i, j in pairs) / 3
        return features, options["diff_weight"] * diff + options["sim_weight"] * sim + options["recon_weight"] * recon


class Bound(nn.Module):
    """Lower bound of the mutual information, without the log-variance term."""

    def __init__(self, h):
        super().__init__()
        self.mlp_mu = nn.Sequential(Linear(h, h), nn.ReLU(), Linear(h, h))
        self.mlp_logvar = nn.Sequential(Linear(h, h), nn.ReLU(), Linear(h, h))
        self.entropy_prj = nn.Sequential(Linear(h, h // 4))  # never used

    def forward(self, x, y):
        return (-((self.mlp_mu(x) - y).square()) / 2 / torch.exp(self.mlp_logvar(x))).sum(1).mean()


class Contrast(nn.Module):
    def __init__(self, h, layers):
        super().__init__()
        if layers == 1:
            self.net = Linear(h, h)
        else:
            self.net = nn.Sequential(Linear(h, h), nn.Tanh(), *(Linear(h, h) for _ in range(layers - 1)))

    def forward(self, x, fused):
        predicted = self.net(fused)
        predicted = predicted / predicted.norm(dim=1, keepdim=True)
        x = x / x.norm(dim=1, keepdim=True)
        positive = (x * predicted).sum(1)
        negative = torch.logsumexp(torch.mm(x, predicted.t()), dim=1)
        return -(positive - negative).mean()


class MMIM(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        self.add_encoders()
        h, layers = setting.hidden, int(setting.options["cpc_layers"])
        self.mi_tv, self.mi_ta = Bound(h), Bound(h)
        self.cpc_zt, self.cpc_zv, self.cpc_za = (Contrast(h, layers) for _ in range(3))
        self.fusion_prj = nn.Module()
        self.fusion_prj.linear_1 = Linear(3 * h, h)
        self.fusion_prj.linear_2 = Linear(h, h)
        self.fusion_dropout = nn.Dropout(setting.dropout)
        self.add_heads(h)

    def fuse(self, inputs):
        audio, text, video = self.encode(inputs)
        bound = self.mi_tv(text, video) + self.mi_ta(text, audio)
        x = self.fusion_dropout(torch.cat((text, audio, video), dim=1))
        fused = torch.tanh(self.fusion_prj.linear_2(torch.tanh(self.fusion_prj.linear_1(x))))
        contrast = self.cpc_zt(text, fused) + self.cpc_zv(video, fused) + self.cpc_za(audio, fused)
        return fused, self.setting.options["alpha"] * contrast - self.setting.options["beta"] * bound


MODELS = {
    "attention": Attention,
    "tfn": TFN,
    "lmf": LMF,
    "misa": MISA,
    "mmim": MMIM,
    "mfn": sequence_models.MFN,
    "graph_mfn": sequence_models.GraphMFN,
    "mfm": sequence_models.MFM,
    "mctn": sequence_models.MCTN,
    "mult": sequence_models.MULT,
}


def build(name, dims, feature_type, classes, values, options, models=0):
    if models and name not in MANY:
        raise SystemExit(f"{name}: only {', '.join(MANY)} support many models at once")
    if name in NEED_FRAMES and feature_type == "utt":
        raise SystemExit(f"{name} needs sequences: frm_align" + (" or frm_unalign" if name == "mult" else ""))
    if name != "attention" and min(dims) == 0:
        raise SystemExit(f"{name} needs audio, text and video")
    return MODELS[name](Setting(tuple(dims), feature_type, classes, values, DEFAULTS[name] | options, models))


def weights_of(model):
    """The number of weights that are not frozen."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
