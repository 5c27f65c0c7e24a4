"""Layers of the fusion models in PyTorch, for one model or for A models at once.

Shapes: B rows, T frames, D features, H hidden_dim, A models. A layer made for A models has parameters with a leading
A and takes inputs with a leading A; made for one, it is the usual layer. Start values, order of operations and places
of dropout are those of the reference toolkit; names of parameters are those of its state_dict.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

MODALITIES = ("audio", "text", "video")


@dataclass(frozen=True)
class Setting:
    """Everything that the shape of a model depends on."""

    dims: tuple  # audio, text, video; 0 = absent
    feature_type: str  # utt: (B, D); frm_align, frm_unalign: (B, T, D)
    classes: int
    values: int
    options: dict  # every option of the model
    models: int = 0  # A, or 0: one model without a leading dimension

    @property
    def lead(self):
        return (self.models,) if self.models else ()

    @property
    def hidden(self):
        return int(self.options["hidden_dim"])

    @property
    def dropout(self):
        return float(self.options["dropout"])

    @property
    def utt(self):
        return self.feature_type == "utt"


def uniform(lead, shape, bound):
    return nn.Parameter(torch.empty(*lead, *shape).uniform_(-bound, bound))


def affine(x, weight, bias=None):
    """(B.., in) by (out, in); or (A, B.., in) by (A, out, in)."""
    if weight.dim() == 2:
        return F.linear(x, weight, bias)
    rows, transposed = x.flatten(1, -2), weight.transpose(1, 2)
    if bias is None:
        product = torch.bmm(rows, transposed)
    else:
        product = torch.baddbmm(bias.unsqueeze(1), rows, transposed)
    return product.unflatten(1, x.shape[1:-1])


class Linear(nn.Module):
    def __init__(self, inputs, outputs, lead=(), bias=True, bound=None, bias_bound=None):
        super().__init__()
        bound = 1 / math.sqrt(inputs) if bound is None else bound
        bias_bound = bound if bias_bound is None else bias_bound
        self.weight = uniform(lead, (outputs, inputs), bound)
        self.bias = uniform(lead, (outputs,), bias_bound) if bias else None

    def forward(self, x):
        return affine(x, self.weight, self.bias)


def xavier(inputs, outputs, lead=()):
    return Linear(inputs, outputs, lead, bound=math.sqrt(6 / (inputs + outputs)), bias_bound=0.0)


class LayerNorm(nn.Module):
    def __init__(self, width, lead=()):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*lead, width))
        self.bias = nn.Parameter(torch.zeros(*lead, width))

    def forward(self, x):
        width = x.shape[-1:]
        if self.weight.dim() == 1:
            return F.layer_norm(x, width, self.weight, self.bias)
        beside = (self.weight.shape[0], *[1] * (x.dim() - 2), *width)
        return torch.addcmul(self.bias.view(beside), F.layer_norm(x, width), self.weight.view(beside))


class MLPEncoder(nn.Module):
    """(B, D) -> (B, H)"""

    def __init__(self, inputs, hidden, dropout, lead=()):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.linear_1 = Linear(inputs, hidden, lead)
        self.linear_2 = Linear(hidden, hidden, lead)
        self.linear_3 = Linear(hidden, hidden, lead)

    def forward(self, x):
        x = torch.relu(self.linear_1(self.drop(x)))
        x = torch.relu(self.linear_2(x))
        return torch.relu(self.linear_3(x))


class LSTMEncoder(nn.Module):
    """(B, T, D) -> (B, H), from the last state"""

    def __init__(self, inputs, hidden, dropout):
        super().__init__()
        self.rnn = nn.LSTM(inputs, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.linear_1 = Linear(hidden, hidden)

    def forward(self, x):
        _, (last, _) = self.rnn(x)
        return self.linear_1(self.dropout(last[0]))


def encoder(setting, dimension, modality):
    if setting.dims[modality] == 0:
        return None
    if setting.utt:
        return MLPEncoder(dimension, setting.hidden, setting.dropout, setting.lead)
    if setting.models:
        raise SystemExit("many models at once: no recurrent encoders")
    return LSTMEncoder(dimension, setting.hidden, setting.dropout)


class Fusion(nn.Module):
    """A model: subclasses make `features` (and perhaps an auxiliary loss) from the modalities that are present, in
    the order audio, text, video."""

    def __init__(self, setting):
        super().__init__()
        self.setting = setting

    def add_encoders(self):
        for m, name in enumerate(MODALITIES):
            setattr(self, name + "_encoder", encoder(self.setting, self.setting.dims[m], m))

    def encode(self, inputs):
        """Encodings of the modalities that are present, in the order audio, text, video."""
        encoders = [getattr(self, name + "_encoder") for name in MODALITIES]
        return [e(x) for e, x in zip(filter(None, encoders), inputs)]

    def add_heads(self, width):
        s = self.setting
        self.fc_out_1 = Linear(width, s.classes, s.lead) if s.classes else None
        self.fc_out_2 = Linear(width, s.values, s.lead) if s.values else None

    def fuse(self, inputs):
        """-> features (B, F), auxiliary loss or None"""
        raise NotImplementedError

    def forward(self, inputs):
        features, interloss = self.fuse(inputs)
        emotions = self.fc_out_1(features) if self.fc_out_1 is not None else None
        values = self.fc_out_2(features) if self.fc_out_2 is not None else None
        return features, emotions, values, interloss


def total_loss(outputs, emotions, valences):
    """Cross entropy if there are classes, plus mean squared error if there is a value, plus the model's own loss;
    (A) for the outputs of A models."""
    _, logits, values, loss = outputs
    many = emotions.dim() > 1
    terms = [] if loss is None else [loss]
    if logits is not None and many:
        each = F.cross_entropy(logits.flatten(0, 1), emotions.flatten(), reduction="none")
        terms.append(each.view(emotions.shape).mean(1))
    elif logits is not None:
        terms.append(F.cross_entropy(logits, emotions))
    if values is not None and many:
        terms.append((values.squeeze(-1) - valences).square().mean(1))
    elif values is not None:
        terms.append(F.mse_loss(values.squeeze(-1), valences))
    return sum(terms[1:], terms[0])
