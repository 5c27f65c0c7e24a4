"""The fusion models that read sequences: mfn, graph_mfn, mfm, mctn, mult. Inputs are (B, T, D)."""

import math
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional as F

from blocks import Fusion, LayerNorm, Linear, LSTMEncoder, affine, uniform, xavier


class Gate:
    """Two maps with ReLU and dropout between them; the maps are children of `owner`, named as in the reference."""

    def __init__(self, owner, name, inputs, hidden, outputs, dropout):
        self.owner, self.dropout = owner, dropout
        self.first, self.second = Linear(inputs, hidden), Linear(hidden, outputs)
        owner.add_module(name + "_fc1", self.first)
        owner.add_module(name + "_fc2", self.second)

    def __call__(self, x):
        return self.second(F.dropout(torch.relu(self.first(x)), self.dropout, self.owner.training))


class Memory(Fusion):
    """The base of mfn and graph_mfn: three LSTM cells, and a memory that gates update."""

    def __init__(self, setting, attended):
        super().__init__(setting)
        h, m, p = setting.hidden, int(setting.options["mem_dim"]), setting.dropout
        audio, text, video = setting.dims
        self.lstm_l, self.lstm_a, self.lstm_v = nn.LSTMCell(text, h), nn.LSTMCell(audio, h), nn.LSTMCell(video, h)
        self.gates = {
            "att2": Gate(self, "att2", attended, h, m, p),
            "gamma1": Gate(self, "gamma1", attended + m, h, m, p),
            "gamma2": Gate(self, "gamma2", attended + m, h, m, p),
            "out": Gate(self, "out", 3 * h + m, h, h // 2, p),
        }
        self.add_heads(h // 2)

    def attend(self, hidden, cells, new_hidden, new_cells):
        """States before and after a step, text, audio, video, (B, H) each -> (B, attended)"""
        raise NotImplementedError

    def remember(self, inputs):
        """-> last hidden states and memory, (B, 3 H + M)"""
        audio, text, video = inputs
        rows, h, gates = text.shape[0], self.setting.hidden, self.gates
        cells_of = (self.lstm_l, self.lstm_a, self.lstm_v)
        zero = text.new_zeros(rows, h)
        hidden, cells = [zero] * 3, [zero] * 3
        memory = text.new_zeros(rows, int(self.setting.options["mem_dim"]))
        for t in range(text.shape[1]):
            frames = (text[:, t], audio[:, t], video[:, t])
            states = [cell(x, (a, b)) for cell, x, a, b in zip(cells_of, frames, hidden, cells)]
            new_hidden, new_cells = [s[0] for s in states], [s[1] for s in states]
            attended = self.attend(hidden, cells, new_hidden, new_cells)
            proposed = torch.tanh(gates["att2"](attended))
            both = torch.cat((attended, memory), dim=1)
            keep = torch.sigmoid(gates["gamma1"](both))
            write = torch.sigmoid(gates["gamma2"](both))
            memory = keep * memory + write * proposed
            hidden, cells = new_hidden, new_cells
        return torch.cat((*hidden, memory), dim=1)

    def fuse(self, inputs):
        return self.gates["out"](self.remember(inputs)), None


class MFN(Memory):
    def __init__(self, setting):
        h = setting.hidden
        super().__init__(setting, 6 * h)
        self.gates["att1"] = Gate(self, "att1", 6 * h, h, 6 * h, setting.dropout)

    def attend(self, hidden, cells, new_hidden, new_cells):
        both = torch.cat((*cells, *new_cells), dim=1)
        return torch.softmax(self.gates["att1"](both), dim=1) * both


class GraphMFN(Memory):
    NODES = ("01", "02", "12", "012")

    def __init__(self, setting):
        h = setting.hidden
        super().__init__(setting, h)
        self.l_transform, self.a_transform, self.v_transform = (Linear(2 * h, h) for _ in range(3))
        second = Linear(100, h)

        def net(inputs):
            copy = Linear(100, h)
            copy.load_state_dict(second.state_dict())
            return nn.Sequential(Linear(inputs, 100), nn.Sequential(copy))

        graph = nn.Module()
        graph.networks = nn.ModuleDict({key: net(2 * h if len(key) == 2 else 6 * h) for key in self.NODES})
        graph.networks.requires_grad_(False)  # the reference never trains them
        graph.t_network = net(7 * h)
        graph.efficacy_model = nn.Sequential(Linear(3 * h, 100), nn.Sequential(Linear(100, h)), Linear(h, 19))
        self.graph_mfn = graph

    def attend(self, hidden, cells, new_hidden, new_cells):
        transforms = (self.l_transform, self.a_transform, self.v_transform)
        states = zip(transforms, hidden, new_hidden)
        nodes = [torch.relu(f(torch.cat((old, new), dim=1))) for f, old, new in states]
        efficacy = self.graph_mfn.efficacy_model(torch.cat(nodes, dim=1))  # (B, 19)
        at = 0
        for key, parts in zip(self.NODES, ((0, 1), (0, 2), (1, 2), (0, 1, 2, 3, 4, 5))):
            factors = efficacy[:, at : at + len(parts)].split(1, dim=1)
            at += len(parts)
            x = torch.cat([e * nodes[i] for e, i in zip(factors, parts)], dim=1)
            nodes.append(self.graph_mfn.networks[key](x))
        factors = efficacy[:, at:].split(1, dim=1)
        return self.graph_mfn.t_network(torch.cat([e * node for e, node in zip(factors, nodes)], dim=1))


class StateEncoder(nn.Module):
    def __init__(self, inputs, h):
        super().__init__()
        self.lstm = nn.LSTMCell(inputs, h)
        self.fc1 = Linear(h, h)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.lstm(x[:, t], state)
        return self.fc1(state[0])


class StateDecoder(nn.Module):
    """Feeds its hidden state back to itself."""

    def __init__(self, width, outputs):
        super().__init__()
        self.lstm = nn.LSTMCell(width, width)
        self.fc1 = Linear(width, outputs)

    def forward(self, x, steps):
        state, hidden = None, []
        for _ in range(steps):
            state = self.lstm(x, state)
            x = state[0]
            hidden.append(x)
        return self.fc1(torch.stack(hidden, dim=1))


def mean_kernel(x, y):
    squared = (x.unsqueeze(1) - y.unsqueeze(0)).square().mean(2) / x.shape[1]
    return torch.exp(-squared).mean()


class MFM(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        h, m, p, f = setting.hidden, int(setting.options["mem_dim"]), setting.dropout, setting.hidden // 2
        audio, text, video = setting.dims
        for name, dimension in (("l", text), ("a", audio), ("v", video)):
            setattr(self, "encoder_" + name, StateEncoder(dimension, h))
            setattr(self, "decoder_" + name, StateDecoder(2 * f, dimension))
        self.mfn_encoder = MFN(setting)
        self.last_to_zy_fc1 = Linear(3 * h + m, h)
        names = {"y": "zy_to_fy", "l": "zl_to_fl", "a": "za_to_fa", "v": "zv_to_fv"}
        self.gates = {short: Gate(self, name, h, f, f, p) for short, name in names.items()}
        self.gates["out"] = Gate(self, "fy_to_y", f, f, h // 2, p)
        self.draw = torch.randn_like  # draws the Gaussian samples, in the order text, audio, video, y
        self.add_heads(h // 2)

    def discrepancy(self, z):
        sample = self.draw(z)
        return mean_kernel(sample, sample) + mean_kernel(z, z) - 2 * mean_kernel(sample, z)

    def fuse(self, inputs):
        options, gates = self.setting.options, self.gates
        audio, text, video = inputs
        sources = {"l": text, "a": audio, "v": video}
        z = {m: getattr(self, "encoder_" + m)(x) for m, x in sources.items()}
        z["y"] = self.last_to_zy_fc1(self.mfn_encoder.remember(inputs))
        mmd = sum(self.discrepancy(z[m]) for m in "lavy")
        common = torch.relu(gates["y"](z["y"]))
        generated = 0.0
        for m, x in sources.items():
            own = torch.relu(gates[m](z[m]))
            again = getattr(self, "decoder_" + m)(torch.cat((common, own), dim=1), x.shape[1])
            generated = generated + options["lda_x" + m] * F.mse_loss(again, x)
        return gates["out"](common), options["lda_mmd"] * mmd + generated


class Translator(nn.Module):
    """Recurrent encoder that takes the first axis for time; in the reference that is the batch."""

    def __init__(self, inputs, h, dropout):
        super().__init__()
        self.rnn = nn.LSTM(inputs, h, bidirectional=True)
        self.fc = Linear(h, h, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        states, (last, _) = self.rnn(x)
        forward, backward = states.chunk(2, dim=2)
        return self.dropout(forward + backward), torch.tanh(self.fc(last[0] + last[1]))


class Query(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.attn = Linear(2 * h, h, bias=False)
        self.v = Linear(h, 1, bias=False)

    def forward(self, state, joint):
        """(T, H), (N, T, H) -> context (T, H)"""
        both = torch.cat((state.expand_as(joint), joint), dim=2)
        weights = torch.softmax(self.v(torch.tanh(self.attn(both))), dim=0)  # (N, T, 1)
        return (weights * joint).sum(0)


class Decoder(nn.Module):
    def __init__(self, outputs, h):
        super().__init__()
        self.rnn = nn.LSTM(outputs + h, h, bidirectional=True)
        self.fc_out = Linear(2 * h, outputs)

    def forward(self, target, state, context):
        both = self.rnn(torch.cat((target, context), dim=1).unsqueeze(0))[0].squeeze(0)
        state = sum(both.chunk(2, dim=1))
        return self.fc_out(torch.cat((state, context), dim=1)), state


class MCTN(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        h, p, widest = setting.hidden, setting.dropout, max(setting.dims)
        self.attn1, self.attn2 = Query(h), Query(h)
        self.encoder1, self.encoder2 = Translator(widest, h, p), Translator(h, h, p)
        self.decoder1, self.decoder2 = Decoder(widest, h), Decoder(widest, h)
        self.fc_out_0 = LSTMEncoder(h, h, p)
        self.add_heads(h)

    def translate(self, which, source, target):
        """-> joint encoding (B, T, H), reconstruction of the target (B, T, D), with teacher forcing at every step"""
        query, decoder = getattr(self, f"attn{which}"), getattr(self, f"decoder{which}")
        joint, state = getattr(self, f"encoder{which}")(source)
        rows = [torch.zeros_like(target[0])]
        for n in range(1, target.shape[0]):
            row, state = decoder(target[n - 1], state, query(state, joint))
            rows.append(row)
        return joint, torch.stack(rows)

    def fuse(self, inputs):
        widest = max(self.setting.dims)
        audio, text, video = (F.pad(x, (0, widest - x.shape[2])) for x in inputs)
        joint, video_again = self.translate(1, text, video)
        _, text_again = self.translate(1, video_again, text)
        joint, audio_again = self.translate(2, joint, audio)
        pairs = ((video_again, video), (text_again, text), (audio_again, audio))
        return self.fc_out_0(joint), self.setting.options["loss_weight"] * sum(F.mse_loss(a, b) for a, b in pairs)


# ---- mult, for one model or many -----------------------------------------------------------------


class Convolution(nn.Module):
    """(B, T, D) -> (B, T - K + 1, H)"""

    def __init__(self, inputs, outputs, kernel, lead):
        super().__init__()
        self.weight = uniform(lead, (outputs, inputs, kernel), 1 / math.sqrt(inputs * kernel))

    def forward(self, x):
        if self.weight.dim() == 3:
            return F.conv1d(x.transpose(1, 2), self.weight).transpose(1, 2)
        kernel = self.weight.shape[-1]
        length = x.shape[2] - kernel + 1
        return sum(affine(x[:, :, k : k + length], self.weight[..., k]) for k in range(kernel))


@lru_cache
def future_mask(queries, keys, device):
    """The keys that a query may see: the causal mask, widened by the difference of the lengths."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(abs(keys - queries))


class HeadAttention(nn.Module):
    def __init__(self, width, heads, dropout, lead):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = uniform(lead, (3 * width, width), math.sqrt(6 / (4 * width)))
        self.in_proj_bias = nn.Parameter(torch.zeros(*lead, 3 * width))
        self.out_proj = xavier(width, width, lead)

    def project(self, x, first, count):
        """Row blocks `first`... of the projection: query, key, value."""
        width = x.shape[-1]
        rows = slice(first * width, (first + count) * width)
        return affine(x, self.in_proj_weight[..., rows, :], self.in_proj_bias[..., rows])

    def forward(self, x, key, value):
        if key is x:
            q, k, v = self.project(x, 0, 3).chunk(3, dim=-1)
        else:
            q, k, v = self.project(x, 0, 1), self.project(key, 1, 1), self.project(value, 2, 1)
        lead = q.shape[:-2]

        def split(y):  # (B, heads, T, width / heads), models before B
            return y.flatten(0, -3).unflatten(-1, (self.heads, -1)).transpose(1, 2)

        mask = future_mask(q.shape[-2], k.shape[-2], x.device)
        rate = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask, dropout_p=rate)
        return self.out_proj(y.transpose(1, 2).flatten(-2).unflatten(0, lead))


class Layer(nn.Module):
    def __init__(self, width, heads, dropout, lead):
        super().__init__()
        self.self_attn = HeadAttention(width, heads, dropout, lead)
        self.drop = nn.Dropout(dropout)
        self.fc1, self.fc2 = xavier(width, 4 * width, lead), xavier(4 * width, width, lead)
        self.layer_norms = nn.ModuleList((LayerNorm(width, lead), LayerNorm(width, lead)))

    def forward(self, x, key, value):
        before, between = self.layer_norms  # one norm for query, key and value
        query = before(x)
        attended = self.self_attn(query, query if key is None else before(key), query if value is None else before(value))
        x = x + self.drop(attended)
        return x + self.drop(self.fc2(self.drop(torch.relu(self.fc1(between(x))))))


class Crossmodal(nn.Module):
    """Pre-norm transformer; key and value stay the scaled source in every layer. No positions."""

    def __init__(self, width, layers, setting):
        super().__init__()
        heads, p = int(setting.options["num_heads"]), setting.dropout
        self.layers = nn.ModuleList(Layer(width, heads, p, setting.lead) for _ in range(layers))
        self.layer_norm = LayerNorm(width, setting.lead)
        self.drop = nn.Dropout(p)

    def forward(self, x, source=None):
        scale = math.sqrt(x.shape[-1])
        key = value = None
        x = self.drop(scale * x)
        if source is not None:
            key, value = self.drop(scale * source), self.drop(scale * source)
        for layer in self.layers:
            x = layer(x, key, value)
        return self.layer_norm(x)


class MULT(Fusion):
    def __init__(self, setting):
        super().__init__(setting)
        h, lead, options = setting.hidden, setting.lead, setting.options
        layers, kernel = int(options["layers"]), int(options["conv1d_kernel_size"])
        audio, text, video = setting.dims
        for name, dimension in (("l", text), ("a", audio), ("v", video)):
            setattr(self, "proj_" + name, Convolution(dimension, h, kernel, lead))
            setattr(self, f"trans_{name}_mem", Crossmodal(2 * h, max(layers, 3), setting))
            for other in "lav".replace(name, ""):
                setattr(self, f"trans_{name}_with_{other}", Crossmodal(h, layers, setting))
        self.proj1, self.proj2 = Linear(6 * h, 6 * h, lead), Linear(6 * h, 6 * h, lead)
        self.out_layer = Linear(6 * h, h // 2, lead)
        self.drop = nn.Dropout(setting.dropout)
        self.add_heads(h // 2)

    def fuse(self, inputs):
        audio, text, video = inputs
        x = {"l": self.proj_l(text), "a": self.proj_a(audio), "v": self.proj_v(video)}
        last = []
        for name, others in (("l", "av"), ("a", "lv"), ("v", "la")):
            crossed = [getattr(self, f"trans_{name}_with_{o}")(x[name], x[o]) for o in others]
            memory = getattr(self, f"trans_{name}_mem")(torch.cat(crossed, dim=-1))
            last.append(memory[..., -1, :])
        s = torch.cat(last, dim=-1)
        return self.out_layer(s + self.proj2(self.drop(torch.relu(self.proj1(s))))), None
