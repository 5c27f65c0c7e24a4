"""A merbench plan trained serially: the reference's way of a run, for the end-to-end comparison."""

import itertools
import json
import os
import time

import h5py
import numpy as np
import torch
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler

import models
from blocks import total_loss
from torch_training import make_optimizer, train_step

MODALITIES = ("audio", "text", "video")

# What the engine's rules say of each dataset: classes, values, shuffling, selection, splits.
RULES = {
    "QUICKSTART": (4, 1, True, "emoval", "official"),
    "MER2023": (6, 1, True, "emoval", "random"),
    "MELD": (7, 0, False, "emo", "official"),
    "IEMOCAPFour": (4, 0, True, "emo", "sessions"),
    "IEMOCAPSix": (6, 0, True, "emo", "sessions"),
    "CMUMOSI": (0, 1, False, "emo", "official"),
    "CMUMOSEI": (0, 1, False, "emo", "official"),
    "SIMS": (0, 1, False, "emo", "official"),
    "SIMSv2": (0, 1, False, "emo", "official"),
}


def decode(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class Corpus:
    """A corpus file in memory; utterance-level features as (N, D) arrays."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        self.dataset = decode(self.file.attrs["dataset"])
        self.names = [decode(n) for n in self.file["utterances/name"][:]]
        self.emotions = self.file["utterances/emotion"][:].astype(np.int64)
        self.valences = self.file["utterances/valence"][:].astype(np.float32)
        self.splits = {name: rows[:] for name, rows in self.file["splits"].items()}
        self.features = {}

    def feature(self, name):
        if name not in self.features:
            group = self.file["features"][name]
            values, offsets = group["values"][:], group["offsets"][:]
            sums = np.add.reduceat(values.astype(np.float64), offsets[:-1], axis=0)
            self.features[name] = (sums / np.diff(offsets)[:, None]).astype(np.float32)
        return self.features[name]

    def parts(self, splits, seed):
        """[(training rows, selection rows)] of every fold, and the test sets."""
        if splits == "official":
            return [(self.splits["train"], self.splits["val"])], [self.splits["test"]]
        if splits == "sessions":
            session = np.array([int(n[4]) for n in self.names])
            rows = self.splits["whole"]
            return [(rows[session[rows] != k], rows[session[rows] == k]) for k in range(1, 6)], []
        order = np.random.default_rng(seed).permutation(self.splits["train"])
        size = len(order) // 5
        bounds = [k * size for k in range(5)] + [len(order)]
        folds = []
        for k in range(5):
            held = order[bounds[k] : bounds[k + 1]]
            folds.append((np.setdiff1d(order, held, assume_unique=True), held))
        return folds, [rows for name, rows in sorted(self.splits.items()) if name.startswith("test")]


class Utterances(torch.utils.data.Dataset):
    """Rows one at a time, as arrays; the collating stacks them, as in the reference."""

    def __init__(self, features, emotions, valences):
        self.features, self.emotions, self.valences = features, emotions, valences

    def __len__(self):
        return len(self.emotions)

    def __getitem__(self, row):
        return [f[row] for f in self.features], self.emotions[row], self.valences[row]

    @staticmethod
    def collate(rows):
        features = [torch.from_numpy(np.stack(column)) for column in zip(*(r[0] for r in rows))]
        emotions = torch.tensor([int(r[1]) for r in rows])
        return features, emotions, torch.tensor([float(r[2]) for r in rows])


def weighted_f1(truth, guess, classes):
    score = 0.0
    for c in range(classes):
        hits = np.sum((truth == c) & (guess == c))
        total = np.sum(truth == c) + np.sum(guess == c)
        score += np.sum(truth == c) * (2.0 * hits / total if total else 0.0)
    return score / len(truth)


def score(predictions, emotions, valences, selection):
    """(selection metric, WAF); corpora without classes are scored by sign, zero labels left out."""
    logits, values = predictions
    if logits is None:
        kept = valences != 0
        waf = weighted_f1(valences[kept] > 0, values[kept] > 0, 2)
    else:
        waf = weighted_f1(emotions, logits.argmax(axis=1), logits.shape[1])
    if selection == "emoval":
        return waf - 0.25 * float(np.mean((values - valences) ** 2)), waf
    return waf, waf


@torch.no_grad()
def predict(model, loader):
    model.eval()
    logits, values, emotions, valences = [], [], [], []
    for inputs, emotion, valence in loader:
        outputs = model(inputs)
        total_loss(outputs, emotion, valence)  # the reference takes the loss of every part, too
        for kept, output in zip((logits, values), outputs[1:3]):
            if output is not None:
                kept.append(output.numpy())
        emotions.append(emotion.numpy())
        valences.append(valence.numpy())
    predictions = (
        np.concatenate(logits) if logits else None,
        np.concatenate(values)[:, 0] if values else None,
    )
    return predictions, np.concatenate(emotions), np.concatenate(valences)


def train_run(data, rules, setting, seed, parts, tests, plan):
    """One model on one fold: (best selection metric, test predictions of that epoch, steps)."""
    classes, values, shuffle, selection, _ = rules
    torch.manual_seed(seed)
    batch = plan.get("batch_size", 32)

    def loader(rows, sampler_rows=None):
        if sampler_rows is not None:  # five-fold corpora: a sampler over the whole data set
            return DataLoader(data, batch, sampler=SubsetRandomSampler(sampler_rows.tolist()), collate_fn=data.collate)
        return DataLoader(Subset(data, rows.tolist()), batch, collate_fn=data.collate)

    train_rows, select_rows = parts
    shuffle = plan.get("shuffle", shuffle)
    train = loader(train_rows, train_rows if shuffle else None)
    select = loader(select_rows)
    test_loaders = [loader(rows) for rows in tests]
    dims = ([f.shape[1] for f in data.features] + [0, 0])[:3]  # which are absent makes no difference
    chosen = {"hidden_dim": int(setting["hidden_dim"]), "dropout": setting["dropout"]}
    model = models.build("attention", dims, "utt", classes, values, chosen)
    optimizer = make_optimizer(model.parameters(), setting["learning_rate"], setting["weight_decay"])
    best, best_tests, steps = -np.inf, [], 0
    for _ in range(plan.get("epochs", 100)):
        model.train()
        for inputs, emotions, valences in train:
            loss = train_step(model, optimizer, inputs, emotions, valences, setting["grad_clip"])
            loss.item()  # the reference collects the loss of every batch
            steps += 1
        metric, _ = score(*predict(model, select), plan.get("selection", selection))
        outcomes = [predict(model, t) for t in test_loaders]
        if metric > best:
            best, best_tests = metric, outcomes
    return best, best_tests, steps


DEFAULTS = {"hidden_dim": 128, "dropout": 0.3, "learning_rate": 1e-3, "grad_clip": -1.0}
PAPER = {"hidden_dim": [64, 128, 256], "dropout": [0.2, 0.3, 0.4, 0.5], "learning_rate": [1e-3, 1e-4]}


def settings_of(cell, plan):
    """Every setting of a cell's grid, the plan's own settings and grid being defaults."""
    fixed = DEFAULTS | {"weight_decay": plan.get("weight_decay", 1e-5)}
    fixed |= plan.get("settings", {}) | cell.get("settings", {})
    grid = {}
    if plan.get("search", {}).get("method", "none") == "grid":
        for source in (plan.get("grid", {}), cell.get("grid", {})):
            grid |= PAPER if source == "paper" else source
    unknown = set(fixed) | set(grid)
    unknown -= set(DEFAULTS) | {"weight_decay"}
    if unknown:
        raise SystemExit(f"sweep: settings that this peer does not have: {sorted(unknown)}")
    grid = {key: values for key, values in grid.items() if key not in cell.get("settings", {})}
    names = sorted(grid)
    return [fixed | dict(zip(names, values)) for values in itertools.product(*(grid[n] for n in names))]


def cells_of(plan):
    """One cell a corpus: position in the plan, corpus, names of the features that are present."""
    for index, cell in enumerate(plan["cells"]):
        if cell.get("model", "attention") != "attention" or cell.get("feature_type", "utt") != "utt":
            raise SystemExit(f"sweep: cells[{index}]: only attention on utterance-level features")
        corpora = cell["corpus"]
        names = cell.get("features") or dict.fromkeys(MODALITIES, cell.get("feature"))
        present = cell.get("modalities") or [m for m in MODALITIES if m in names]
        for corpus in [corpora] if isinstance(corpora, str) else corpora:
            yield f"cells[{index}] {corpus}", corpus, [names[m] for m in MODALITIES if m in present], cell


class Budget:
    """Counts runs and training steps; ends the sweep early when asked to."""

    def __init__(self, limit):
        self.limit, self.runs, self.steps, self.asked = limit, 0, 0, 0

    def spent(self):
        return self.limit is not None and self.runs >= self.limit


def train_trial(data, corpus, rules, setting, seed, plan, budget):
    """All folds: (mean selection metric, WAF of the fold-averaged predictions on the first test set or None)."""
    folds, tests = corpus.parts(rules[4], seed)
    budget.asked += len(folds)
    metrics, outcomes = [], []
    for fold in folds:
        if budget.spent():
            continue
        metric, outcome, steps = train_run(data, rules, setting, seed, fold, tests, plan)
        metrics.append(metric)
        outcomes.append(outcome)
        budget.runs += 1
        budget.steps += steps
    if len(metrics) < len(folds):
        return -np.inf, None
    if not tests:
        return float(np.mean(metrics)), float(np.mean(metrics))
    logits = [o[0][0][0] for o in outcomes]
    values = [o[0][0][1] for o in outcomes]
    averaged = (
        None if logits[0] is None else np.mean(logits, axis=0),
        None if values[0] is None else np.mean(values, axis=0),
    )
    return float(np.mean(metrics)), float(score(averaged, outcomes[0][0][1], outcomes[0][0][2], "emo")[1])


def train_plan(path, folder, shard, limit):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    folder = folder or os.path.dirname(os.path.abspath(path))
    corpora = {name: Corpus(os.path.join(folder, file)) for name, file in plan["corpora"].items()}
    search, final = plan.get("search", {}), plan.get("final", {})
    index, count = (int(n) for n in shard.split("/"))
    budget, results, began = Budget(limit), [], time.perf_counter()
    for where, name, features, cell in list(cells_of(plan))[index::count]:
        corpus = corpora[name]
        rules = RULES[corpus.dataset]
        data = Utterances([corpus.feature(f) for f in features], corpus.emotions, corpus.valences)
        settings = settings_of(cell, plan)
        chosen, selection, scores = settings[0], -np.inf, []
        trained = {}  # a final seed that the search has used needs no second run

        def train(setting, seed):
            key = (json.dumps(setting, sort_keys=True), seed)
            if key not in trained:
                trained[key] = train_trial(data, corpus, rules, setting, seed, plan, budget)
            return trained[key]

        if search.get("method", "none") != "none":
            for setting in settings:
                seeds = search.get("seeds", [1])
                outcomes = [train(setting, s) for s in seeds]
                mean = float(np.mean([o[0] for o in outcomes]))
                if mean > selection:
                    chosen, selection, scores = setting, mean, [o[1] for o in outcomes]
        if final:
            outcomes = [train(chosen, s) for s in final["seeds"]]
            scores = [o[1] for o in outcomes]
        waf = round(float(np.mean(scores)), 4) if scores and None not in scores else None
        results.append({"where": where, "chosen": chosen, "selection": selection, "waf": waf})
    return {
        "plan": plan["name"],
        "runs": budget.runs,
        "runs_in_shard": budget.asked,
        "steps": budget.steps,
        "train_seconds": time.perf_counter() - began,
        "cells": results,
    }
