"""Training steps of one model, or of many at once, in PyTorch; eager, or captured as a CUDA graph."""

import platform

import torch
from torch import nn

import common
import models
from blocks import total_loss


def make_optimizer(parameters, learning_rate, weight_decay, fused=False, capturable=False):
    """The reference uses PyTorch's default Adam; `fused` is the fastest one in PyTorch."""
    return torch.optim.Adam(
        [p for p in parameters if p.requires_grad],
        lr=learning_rate,
        weight_decay=weight_decay,
        fused=fused or None,
        capturable=capturable,
    )


def train_step(model, optimizer, inputs, emotions, valences, grad_clip=-1.0):
    """-> the loss; with many models, one loss for each."""
    optimizer.zero_grad()
    loss = total_loss(model(inputs), emotions, valences)
    (loss.sum() if loss.dim() else loss).backward()
    if grad_clip != -1.0:
        nn.utils.clip_grad_value_(model.parameters(), grad_clip)
    optimizer.step()
    return loss


def prepare(options):
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    torch.set_float32_matmul_precision("high" if options.precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch: no GPU can be used")


def about(options, optimizer):
    on_gpu = options.device == "cuda"
    return {
        "engine": "torch " + torch.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else platform.machine(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "optimizer": optimizer,
    }


def make_model(options, count, first=0):
    """Makes `count` models at once, or one if 0. With --check their weights are those of models `first` and later."""
    model = models.build(
        options.model, options.dims, options.feature_type, options.classes, options.values, options.options, count
    )
    if options.check:
        parameters = dict(model.named_parameters())
        shapes = {n: tuple(p.shape[1:] if count else p.shape) for n, p in parameters.items()}
        starts = [common.start_weights(shapes, first + a) for a in range(max(count, 1))]
        with torch.no_grad():
            for name, parameter in parameters.items():
                each = [torch.from_numpy(s[name]) for s in starts]
                parameter.copy_(torch.stack(each) if count else each[0])
        for module in model.modules():  # MISA's transformer has its own dropout rate
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            if isinstance(module, nn.MultiheadAttention):
                module.dropout = 0.0
    return model.to(options.device).train()


class Steps:
    """Steps of a model on batches that each step gathers from resident data: eager, or as a CUDA graph that finds its
    batch with a counter on the device."""

    def __init__(self, options, model, optimizer, rows):
        """rows: (steps, batch) of one model, or (steps, models, batch)"""
        data = common.Data(options)
        device = options.device
        self.features = [torch.from_numpy(f).to(device) for f in data.features]
        self.emotions = torch.from_numpy(data.emotions).to(device)
        self.valences = torch.from_numpy(data.valences).to(device)
        self.rows = torch.from_numpy(rows).to(device)
        self.model, self.optimizer, self.device = model, optimizer, device
        self.clip = float(options.options.get("grad_clip", -1.0))
        self.done, self.graph, self.loss = 0, None, None

    def step(self, rows):
        inputs = [f[rows] for f in self.features]
        return train_step(self.model, self.optimizer, inputs, self.emotions[rows], self.valences[rows], self.clip)

    def capture(self):
        """Captures the step at `counter` after three eager steps, as PyTorch requires, and restores the weights."""
        self.counter = torch.zeros(1, dtype=torch.long, device=self.device)
        weights = {k: v.clone() for k, v in self.model.state_dict().items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step(self.rows[self.counter][0])
        torch.cuda.current_stream().wait_stream(side)
        self.model.load_state_dict(weights)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()
        with torch.cuda.graph(self.graph):
            self.loss = self.step(self.rows[self.counter][0])
            self.counter.add_(1).remainder_(len(self.rows))

    def train(self, count):
        for _ in range(count):
            if self.graph is None:
                self.loss = self.step(self.rows[self.done % len(self.rows)])
            else:
                self.graph.replay()
            self.done += 1
        return self.loss.detach().reshape(-1).tolist()  # waits
