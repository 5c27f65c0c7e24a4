"""Corpora of merbench in the form that the reference toolkit uses: pooled sequences, padded at the beginning."""

import h5py
import numpy as np
import torch

# How many frames the reference pools into one, by feature type.
SCALES = {"frm_align": 6, "frm_unalign": 12}
TEXT = 1  # of audio, text, video


def decode(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def map_frames(sequence, count):
    """(L, D) -> (count, D): zeros at the beginning, or means over as many frames as needed."""
    length, width = sequence.shape
    pool = max(1, -(-length // count))
    padded = np.concatenate((np.zeros((pool * count - length, width), sequence.dtype), sequence))
    return padded.reshape(count, pool, width).mean(axis=1, dtype=np.float64).astype(np.float32)


class Corpus:
    """A corpus file in memory."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")
        self.dataset = decode(self.file.attrs["dataset"])
        self.names = [decode(n) for n in self.file["utterances/name"][:]]
        self.emotions = self.file["utterances/emotion"][:].astype(np.int64)
        self.valences = self.file["utterances/valence"][:].astype(np.float32)
        self.splits = {name: rows[:] for name, rows in self.file["splits"].items()}
        self.read = {}

    def feature(self, name):
        """(frames of all utterances, D), and the offsets at which they begin and the last one ends"""
        if name not in self.read:
            group = self.file["features"][name]
            self.read[name] = group["values"][:], group["offsets"][:]
        return self.read[name]

    def means(self, name):
        values, offsets = self.feature(name)
        sums = np.add.reduceat(values.astype(np.float64), offsets[:-1], axis=0)
        return (sums / np.diff(offsets)[:, None]).astype(np.float32)

    def sequences(self, names, feature_type):
        """[(T, D) of every utterance] of every feature"""
        if feature_type == "utt":
            return [[row[None] for row in self.means(name)] for name in names]
        scale, features = SCALES[feature_type], []
        for values, offsets in map(self.feature, names):
            each = [values[a:b] for a, b in zip(offsets[:-1], offsets[1:])]
            features.append([map_frames(x, -(-len(x) // scale)) for x in each])
        if feature_type == "frm_align":
            counts = [len(x) for x in features[TEXT]]
            features = [[map_frames(x, count) for x, count in zip(f, counts)] for f in features]
        return features

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
    """Returns rows one at a time, as arrays; collate stacks them, as in the reference."""

    def __init__(self, corpus, features, feature_type):
        sequences = corpus.sequences(features, feature_type)
        self.utt = feature_type == "utt"
        self.emotions, self.valences = corpus.emotions, corpus.valences
        self.lengths = [np.array([len(x) for x in s]) for s in sequences]
        self.features = []
        for each, lengths in zip(sequences, self.lengths):
            padded = np.zeros((len(each), lengths.max(), each[0].shape[1]), np.float32)
            for row, x in enumerate(each):
                padded[row, padded.shape[1] - len(x) :] = x
            self.features.append(padded)

    def cut(self, rows):
        """The same utterances, with sequences only as long as the longest of these rows."""
        part = object.__new__(Utterances)
        part.utt, part.emotions, part.valences, part.lengths = self.utt, self.emotions, self.valences, self.lengths
        longest = [lengths[rows].max() for lengths in self.lengths]
        part.features = [f[:, f.shape[1] - count :] for f, count in zip(self.features, longest)]
        if self.utt:
            part.features = [f[:, 0] for f in part.features]
        return part

    @property
    def dims(self):
        return [f.shape[-1] for f in self.features]

    def __len__(self):
        return len(self.emotions)

    def __getitem__(self, row):
        return [f[row] for f in self.features], self.emotions[row], self.valences[row]

    @staticmethod
    def collate(rows):
        features = [torch.from_numpy(np.stack(column)) for column in zip(*(r[0] for r in rows))]
        emotions = torch.tensor([int(r[1]) for r in rows])
        return features, emotions, torch.tensor([float(r[2]) for r in rows])
