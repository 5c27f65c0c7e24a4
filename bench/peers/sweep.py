"""Trains a merbench plan serially, run by run as the reference toolkit does, for the end-to-end comparison."""

import itertools
import json
import os
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler

import models
from blocks import total_loss
from corpus import Corpus, Utterances
from torch_training import make_optimizer, train_step

MODALITIES = ("audio", "text", "video")

# merbench's rules for each dataset: classes, values, shuffling, selection, splits.
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


def weighted_f1(truth, guess, classes):
    score = 0.0
    for c in range(classes):
        hits = np.sum((truth == c) & (guess == c))
        total = np.sum(truth == c) + np.sum(guess == c)
        score += np.sum(truth == c) * (2.0 * hits / total if total else 0.0)
    return score / len(truth)


def score(predictions, emotions, valences, selection):
    """(selection metric, WAF); corpora without classes are scored by sign, without zero labels."""
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
        total_loss(outputs, emotion, valence)  # the reference computes this loss for every part, too
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


def train_run(name, feature_type, data, rules, setting, seed, parts, tests, plan):
    """One model on one fold: (best selection metric, test predictions of that epoch, steps)."""
    classes, values, shuffle, selection, splits = rules
    torch.manual_seed(seed)
    batch = plan.get("batch_size", 32)
    train_rows, select_rows = parts
    together = np.concatenate(parts)  # five-fold corpora have one data set for both

    def loader(rows, data_set_rows, shuffled=False):
        cut = data.cut(data_set_rows)
        if shuffled:
            return DataLoader(cut, batch, sampler=SubsetRandomSampler(rows.tolist()), collate_fn=data.collate)
        return DataLoader(Subset(cut, rows.tolist()), batch, collate_fn=data.collate)

    official = splits == "official"
    train = loader(train_rows, train_rows if official else together, plan.get("shuffle", shuffle))
    select = loader(select_rows, select_rows if official else together)
    test_loaders = [loader(rows, rows) for rows in tests]
    dims = (data.dims + [0, 0])[:3]  # which modality is absent makes no difference
    chosen = {option: setting[option] for option in models.DEFAULTS[name]}
    model = models.build(name, dims, feature_type, classes, values, chosen)
    optimizer = make_optimizer(model.parameters(), setting["learning_rate"], setting["weight_decay"])
    best, best_tests, steps = -np.inf, [], 0
    for _ in range(plan.get("epochs", 100)):
        model.train()
        for inputs, emotions, valences in train:
            loss = train_step(model, optimizer, inputs, emotions, valences, setting["grad_clip"])
            loss.item()  # the reference reads the loss of every batch
            steps += 1
        metric, _ = score(*predict(model, select), plan.get("selection", selection))
        outcomes = [predict(model, t) for t in test_loaders]
        if metric > best:
            best, best_tests = metric, outcomes
    return best, best_tests, steps


TRAINING = {"learning_rate": 1e-3, "grad_clip": -1.0}
PAPER = {"hidden_dim": [64, 128, 256], "dropout": [0.2, 0.3, 0.4, 0.5], "learning_rate": [1e-3, 1e-4]}


def settings_of(model, cell, plan):
    """Every setting of a cell's grid, the plan's own settings and grid being defaults."""
    known = models.DEFAULTS[model] | TRAINING | {"weight_decay": plan.get("weight_decay", 1e-5)}
    fixed = known | plan.get("settings", {}) | cell.get("settings", {})
    grid = {}
    if plan.get("search", {}).get("method", "none") == "grid":
        for source in (plan.get("grid", {}), cell.get("grid", {})):
            if source == "paper" and model != "attention":
                raise SystemExit(f'sweep: this peer has no "paper" grid for {model}: expected a list of values')
            grid |= PAPER if source == "paper" else source
    unknown = (set(fixed) | set(grid)) - set(known)
    if unknown:
        raise SystemExit(f"sweep: this peer does not have these settings of {model}: {sorted(unknown)}")
    grid = {key: values for key, values in grid.items() if key not in cell.get("settings", {})}
    names = sorted(grid)
    return [fixed | dict(zip(names, values)) for values in itertools.product(*(grid[n] for n in names))]


def several(value):
    return [value] if isinstance(value, str) else value


def cells_of(plan):
    """One cell a corpus and model: position in the plan, corpus, model, names of the features that are present."""
    for index, cell in enumerate(plan["cells"]):
        names = cell.get("features") or dict.fromkeys(MODALITIES, cell.get("feature"))
        present = cell.get("modalities") or [m for m in MODALITIES if m in names]
        if cell.get("feature_type", "utt") == "frm_align" and len(present) < len(MODALITIES):
            raise SystemExit(f"sweep: cells[{index}]: this peer aligns all three modalities or none")
        features = [names[m] for m in MODALITIES if m in present]
        for corpus, model in itertools.product(several(cell["corpus"]), several(cell["model"])):
            yield f"cells[{index}] {corpus} {model}", corpus, model, features, cell


class Budget:
    """Counts runs and training steps, and ends the sweep at --limit."""

    def __init__(self, limit):
        self.limit, self.runs, self.steps, self.asked = limit, 0, 0, 0

    def spent(self):
        return self.limit is not None and self.runs >= self.limit


def train_trial(train_fold, corpus, rules, seed, budget):
    """All folds: (mean selection metric, WAF of the fold-averaged predictions on the first test set or None)."""
    folds, tests = corpus.parts(rules[4], seed)
    budget.asked += len(folds)
    metrics, outcomes = [], []
    for fold in folds:
        if budget.spent():
            continue
        metric, outcome, steps = train_fold(fold, tests)
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
    budget, results, loaded, began = Budget(limit), [], {}, time.perf_counter()
    for where, name, model, features, cell in list(cells_of(plan))[index::count]:
        corpus = corpora[name]
        rules = RULES[corpus.dataset]
        feature_type = cell.get("feature_type", "utt")
        source = name, tuple(features), feature_type
        if source not in loaded:
            loaded[source] = Utterances(corpus, features, feature_type)
        data = loaded[source]
        settings = settings_of(model, cell, plan)
        chosen, selection, scores = settings[0], -np.inf, []
        trained = {}  # a final seed that the search has already trained needs no second run

        def train(setting, seed):
            key = (json.dumps(setting, sort_keys=True), seed)
            if key not in trained:

                def train_fold(fold, tests):
                    return train_run(model, feature_type, data, rules, setting, seed, fold, tests, plan)

                trained[key] = train_trial(train_fold, corpus, rules, seed, budget)
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
