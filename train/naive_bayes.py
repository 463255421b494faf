#!/usr/bin/env python3
"""Naive Bayes over three characters at a time, for comparison: naive_bayes.py TEXTS HELD_OUT BYTES

It keeps as many of the commonest of them as fit into BYTES, four for each and one for each of its logarithms, and is
given the best smoothing for the texts that it is measured on. Texts labelled `?` are left out of both files.
"""
import math
import sys
from collections import Counter, defaultdict


def read(path: str) -> list[tuple[str, str]]:
    with open(path, encoding="utf-8") as lines:
        pairs = [line.rstrip("\n").split("\t", 1) for line in lines]
    return [(label, text) for label, text in pairs if label != "?"]


def grams(text: str) -> list[str]:
    text = f" {text.lower()} "
    return [text[i : i + 3] for i in range(len(text) - 2)]


def main() -> None:
    training, held_out, size = read(sys.argv[1]), read(sys.argv[2]), int(sys.argv[3])
    counts = defaultdict(Counter)
    for label, text in training:
        counts[label].update(grams(text))
    labels = sorted(counts)
    total = sum(counts.values(), Counter())
    kept = [gram for gram, _ in total.most_common(size // (4 + len(labels)))]
    best = (0.0, 0.0)
    for smoothing in (0.01, 0.03, 0.1, 0.3, 1, 3):
        logs = {}
        for label in labels:
            of = sum(counts[label][gram] for gram in kept) + smoothing * (len(kept) + 1)
            logs[label] = {gram: math.log((counts[label][gram] + smoothing) / of) for gram in kept}
            logs[label][None] = math.log(smoothing / of)
        right = 0
        for label, text in held_out:
            found = [gram if gram in logs[label] else None for gram in grams(text)]
            said = max(labels, key=lambda each: sum(logs[each][gram] for gram in found))
            right += said == label
        best = max(best, (right / len(held_out), smoothing))
    print(f"naive Bayes: {len(kept)} of {len(total)} in {size} bytes, {len(held_out)} texts: accuracy {best[0]:.4f} (smoothing {best[1]})")


main()
