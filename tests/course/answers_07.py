"""Answers to the exercises of notebook 07: right ones in two forms, wrong ones and hints."""

import numpy as np
import torch


def response(eigenvalues, layers):
    return np.mean([eigenvalues**k for k in range(1, layers + 1)], axis=0)


def one_by_one(eigenvalues, layers):
    return [sum(value**k for k in range(1, layers + 1)) / layers for value in eigenvalues]


def of_lightgcn(eigenvalues, layers):
    return np.mean([eigenvalues**k for k in range(layers + 1)], axis=0)


def keep_smooth(eigenvalues, k):
    return np.argsort(-eigenvalues)[:k]


def keep_large(eigenvalues, k):
    return np.argsort(-np.abs(eigenvalues))[:k]


RIGHT = [
    ("7.1", response),
    ("7.1", one_by_one),
    ("7.2", 2.079),
    ("7.2", torch.tensor(8.0).log()),
    ("7.3", keep_smooth),
    ("7.3", lambda e, k: torch.tensor(e).topk(k).indices.tolist()),
]
WRONG = [
    ("7.1", 3, "function"),
    ("7.1", of_lightgcn, "LightGCN's"),
    ("7.1", lambda e, k: response(e, k) * k / (k + 1), "one layer less"),
    ("7.1", lambda e, k: response(e, k) if k == 1 else e**k, "last layer alone"),
    ("7.1", lambda e, k: k * response(e, k), "sum of the layers"),
    ("7.1", lambda e, k: response(e, k)[0], "shape"),
    ("7.1", lambda e, k: e * 0 + 0.3, "off"),
    ("7.2", np.log(7), "denominator"),
    ("7.2", np.log(8) / 0.2, "temperature"),
    ("7.2", 3.0, "base 2"),
    ("7.2", 1.0, "too small"),
    ("7.3", 3, "function"),
    ("7.3", keep_large, "what she kept"),
    ("7.3", lambda e, k: np.argsort(e)[:k], "roughest"),
    ("7.3", lambda e, k: np.arange(len(e)), "7 positions"),
    ("7.3", lambda e, k: np.arange(k), "not the positions"),
]
