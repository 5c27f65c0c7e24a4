"""The attention model of MERBench in plain PyTorch, one module at a time as its users write it.

Shapes: B rows, H hidden_dim, K modalities. Same layers, order of dropout and start values as the engine's
"attention" on utterance-level features: per modality Dropout -> 3 x (Linear, ReLU); an encoder of the same kind on
the concatenation gives K raw scores; the scores weigh the undropped encodings; two linear heads.
"""

import torch
from torch import nn


class Encoder(nn.Module):
    """(B, D) -> (B, H)"""

    def __init__(self, inputs, hidden, dropout):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.linear_1 = nn.Linear(inputs, hidden)
        self.linear_2 = nn.Linear(hidden, hidden)
        self.linear_3 = nn.Linear(hidden, hidden)

    def forward(self, x):
        x = torch.relu(self.linear_1(self.drop(x)))
        x = torch.relu(self.linear_2(x))
        return torch.relu(self.linear_3(x))


class Attention(nn.Module):
    """Features of K modalities, (B, D_k) each -> class scores (B, C), values (B, R); None for a head that is off."""

    def __init__(self, dims, hidden, dropout, classes, values):
        super().__init__()
        self.encoders = nn.ModuleList(Encoder(d, hidden, dropout) for d in dims)
        self.attention_mlp = None
        if len(dims) > 1:
            self.attention_mlp = Encoder(len(dims) * hidden, hidden, dropout)
            self.fc_att = nn.Linear(hidden, len(dims))
        self.fc_out_1 = nn.Linear(hidden, classes) if classes else None
        self.fc_out_2 = nn.Linear(hidden, values) if values else None

    def forward(self, inputs):
        encoded = [encoder(x) for encoder, x in zip(self.encoders, inputs)]
        if self.attention_mlp is None:
            fused = encoded[0]
        else:
            scores = self.fc_att(self.attention_mlp(torch.cat(encoded, dim=1))).unsqueeze(2)  # (B, K, 1)
            fused = torch.matmul(torch.stack(encoded, dim=2), scores).squeeze(2)  # (B, H, K) (B, K, 1)
        return (
            self.fc_out_1(fused) if self.fc_out_1 is not None else None,
            self.fc_out_2(fused) if self.fc_out_2 is not None else None,
        )


def total_loss(outputs, emotions, valences):
    """Cross entropy where there are classes, plus mean squared error where there is a value."""
    logits, values = outputs
    loss = 0.0
    if logits is not None:
        loss = loss + nn.functional.cross_entropy(logits, emotions)
    if values is not None:
        loss = loss + nn.functional.mse_loss(values.squeeze(1), valences)
    return loss


def make_optimizer(model, learning_rate, weight_decay, fused=False):
    """The reference takes PyTorch's default; `fused` is the fastest that PyTorch has."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=fused or None)


def train_step(model, optimizer, inputs, emotions, valences, grad_clip=-1.0):
    optimizer.zero_grad()
    loss = total_loss(model(inputs), emotions, valences)
    loss.backward()
    if grad_clip != -1.0:
        nn.utils.clip_grad_value_(model.parameters(), grad_clip)
    optimizer.step()
    return loss
