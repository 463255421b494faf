#!/usr/bin/env python3
"""Texts of a word or a few, labelled by their language: language_texts.py LISTS OUT

Writes OUT/texts.tsv: twelve languages, and `?` for three that are not told apart, letters at random, words of several
languages, and words that begin as in one language and end as in another; OUT/held-out.tsv: the same of words that
texts.tsv has none of, a tenth of each list; and OUT/others.tsv: languages that texts.tsv has none of, all `?`. The same
lists give the same texts.
"""
import random
import sys
import zlib
from pathlib import Path

LANGUAGES = {
    "bg": "bulgarian", "da": "danish", "de": "ngerman", "en": "american-english", "es": "spanish", "fr": "french",
    "it": "italian", "nl": "dutch", "pl": "polish", "pt": "portuguese", "sv": "swedish", "uk": "ukrainian",
}
CYRILLIC = ["bg", "uk"]
NONE = ["irish", "esperanto", "catalan"]
UNSEEN = ["manx", "faroese"]
TEXTS = 120_000
"""Texts of each language; a third are words alone."""


def words(path: Path, held_out: bool) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    kept = (line.strip() for line in lines)
    kept = {word for word in kept if 3 <= len(word) <= 20 and word.replace("-", "").isalpha()}
    return sorted(word for word in kept if (zlib.crc32(word.lower().encode()) % 10 == 0) == held_out)


def text(rng: random.Random, of: list[str]) -> str:
    count = 1 if rng.random() < 1 / 3 else rng.randint(2, 5)
    said = [rng.choice(of) for _ in range(count)]
    if rng.random() < 0.7:
        said = [word.lower() for word in said]
    return " ".join(said)


def shuffled(rng: random.Random, said: str) -> str:
    letters = list(said.lower())
    rng.shuffle(letters)
    return "".join(letters).strip() or said


def blended(rng: random.Random, known: list[list[str]]) -> str:
    """Words of a language that nobody speaks: beginnings of one, ends of another."""
    first, second = rng.sample(known, 2)
    count = 1 if rng.random() < 1 / 3 else rng.randint(2, 5)
    said = []
    for _ in range(count):
        begin, end = rng.choice(first), rng.choice(second)
        said.append(begin[: len(begin) // 2] + end[len(end) // 2 :])
    return " ".join(said).lower()


def labelled(lists: Path, held_out: bool, texts: int) -> list[tuple[str, str]]:
    rng = random.Random(1)
    known = {code: words(lists / name, held_out) for code, name in LANGUAGES.items()}
    lines = [(code, text(rng, of)) for code, of in known.items() for _ in range(texts)]
    for name in NONE:
        of = words(lists / name, held_out)
        lines += [("?", text(rng, of)) for _ in range(texts // 2)]
    everything = list(known.values())
    latin = [of for code, of in known.items() if code not in CYRILLIC]
    for _ in range(texts // 2):
        lines.append(("?", shuffled(rng, text(rng, rng.choice(everything)))))
        mixed = [rng.choice(rng.choice(everything)) for _ in range(rng.randint(3, 5))]
        lines.append(("?", " ".join(mixed).lower()))
        lines.append(("?", blended(rng, latin)))
    rng.shuffle(lines)
    return lines


def write(path: Path, lines: list[tuple[str, str]]) -> None:
    path.write_text("".join(f"{label}\t{said}\n" for label, said in lines), encoding="utf-8")


def main() -> None:
    lists, out = Path(sys.argv[1]), Path(sys.argv[2])
    write(out / "texts.tsv", labelled(lists, False, TEXTS))
    write(out / "held-out.tsv", labelled(lists, True, TEXTS // 40))
    rng = random.Random(2)
    unseen = [words(lists / name, True) + words(lists / name, False) for name in UNSEEN]
    write(out / "others.tsv", [("?", text(rng, of)) for of in unseen for _ in range(5_000)])


main()
