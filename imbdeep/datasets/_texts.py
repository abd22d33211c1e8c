"""M2m's two sets of words: topics of news (Reuters) and tags of tweets (Twitter)."""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from imbdeep.datasets._files import (
    Dataset,
    Files,
    Folder,
    Loaded,
    check_counts,
    content_of,
    damaged,
    members_of,
)

#: Columns of the two data sets.
WIDTH = 1000

#: Documents of R52 in each part, by which a download is checked.
_R52_SIZES = {"train": 6532, "test": 2568}
#: Documents of the test part that a class needs.
_LEAST_TEST = 5

_PREFIXES = (4, 8, 12, 16)
_TAGS_WITHOUT_TEST = ("M", "Y")


def most_frequent(rows: Iterable[Iterable[str]], n: int | None = None) -> dict[str, int]:
    """Columns of the ``n`` most frequent words, of equally frequent ones the first by alphabet."""
    counts = Counter(word for row in rows for word in row)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:n]
    return {word: column for column, word in enumerate(words)}


def by_size(labels: Sequence[str]) -> dict[str, int]:
    """Class numbers from the largest class to the smallest, equal ones in alphabetical order."""
    return most_frequent([labels])


def presence(
    rows: Sequence[Iterable[str]], columns: dict[str, int], *, other: bool
) -> NDArray[np.float32]:
    """A 1 in the column of each word that a row has; ``other`` adds a column for all others."""
    x = np.zeros((len(rows), len(columns) + other), dtype=np.float32)
    for i, row in enumerate(rows):
        for word in row:
            column = columns.get(word, len(columns))
            if column < x.shape[1]:
                x[i, column] = 1
    return x


def words_of(text: str) -> list[str]:
    """Words of two letters or more in lower case, without digits and stop words."""
    return [
        word for word in re.findall("[a-z]{2,}", text.lower()) if word not in ENGLISH_STOP_WORDS
    ]


class Document(NamedTuple):
    """A text of Reuters, its part ("train" or "test") and its topic."""

    part: str
    label: str
    text: str


def _from_table(path: Path) -> list[Document]:
    lines = io.StringIO(content_of(path).decode("utf-8"), newline="")
    reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\")
    try:
        return [Document(row["split"], row["label"], row["text"]) for row in reader]
    except (KeyError, csv.Error) as error:
        raise damaged(path, f"no columns split, label and text: {error}") from error


def r52_of(marked_up: Iterable[str]) -> list[Document]:
    """The documents of R52 in the files of Reuters-21578, by its rule.

    Kept are documents of the ModApte split (marked TRAIN or TEST, with TOPICS="YES") that have one
    topic, of topics that both parts have.
    """
    documents = []
    for text in marked_up:
        for head, body in re.findall(r"<REUTERS (.*?)>(.*?)</REUTERS>", text, flags=re.DOTALL):
            part = re.search(r'LEWISSPLIT="(TRAIN|TEST)"', head)
            topics = re.findall("<D>(.*?)</D>", _within("TOPICS", body))
            if part and 'TOPICS="YES"' in head and len(topics) == 1:
                words = f"{_within('TITLE', body)} {_within('BODY', body)}"
                squeezed = " ".join(html.unescape(words).split())
                documents.append(Document(part[1].lower(), topics[0], squeezed))
    of_part = [{d.label for d in documents if d.part == part} for part in ("train", "test")]
    both = set.intersection(*of_part)
    return [document for document in documents if document.label in both]


def _within(tag: str, text: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
    return found[1] if found else ""


def reuters36_documents(*, data_home: Folder, download: bool) -> list[Document]:
    """R52's documents of the 36 topics that have five test documents or more.

    From a table of R52 (columns split, label and text), or else from Reuters-21578.
    """
    files = Files(data_home, download)
    table = files.find("reuters_r52/r52.tsv.gz")
    if table is not None:
        documents = _from_table(table)
    else:
        archive = files.get("reuters_r52/reuters21578.tar.gz")
        texts = members_of(archive, r"\.sgm$")
        documents = r52_of(texts[name].decode("latin-1") for name in sorted(texts))
        check_counts(archive, Counter(document.part for document in documents), _R52_SIZES)
    tested = Counter(document.label for document in documents if document.part == "test")
    return [document for document in documents if tested[document.label] >= _LEAST_TEST]


def _reuters36(files: Files, subset: str, as_text: bool) -> Loaded:
    """Presence of the 999 most frequent words of the training part, and of any other word.

    The paper's own preparation is not public: words are runs of two letters or more, and stop words
    are scikit-learn's.
    """
    documents = reuters36_documents(**files._asdict())
    train = [document for document in documents if document.part == "train"]
    numbers = by_size([document.label for document in train])
    chosen = [document for document in documents if document.part == subset]
    y = np.array([numbers[document.label] for document in chosen], dtype=np.int64)
    if as_text:
        texts = np.array([document.text for document in chosen], dtype=object)
        return Loaded(texts, y, numbers, ["text"])
    columns = most_frequent((words_of(document.text) for document in train), WIDTH - 1)
    x = presence([words_of(document.text) for document in chosen], columns, other=True)
    return Loaded(x, y, numbers, [*columns, "any other word"])


def _clusters(path: Path) -> dict[str, str]:
    """Path of each word in the tree of Brown clusters."""
    lines = (line.split("\t") for line in content_of(path).decode("utf-8").split("\n") if line)
    try:
        return {word: steps for steps, word, _ in lines}
    except ValueError as error:
        raise damaged(path, "a line is no path, word and count") from error


def _flags(token: str) -> list[str]:
    """What a token looks like, by its characters alone."""
    shapes = {
        "hash": token.startswith("#"),
        "at": token.startswith("@"),
        "link": token.lower().startswith(("http", "www.")),
        "digit": any(c.isdigit() for c in token),
        "capital": token[:1].isupper(),
        "capitals": len(token) > 1 and token.isupper(),
        "no letter or digit": not any(c.isalnum() for c in token),
    }
    return [name for name, holds in shapes.items() if holds]


def token_features(tokens: Sequence[str], clusters: dict[str, str]) -> list[list[str]]:
    """Names of what holds for each token of a tweet.

    Of the token before, the token itself and the one after: the first 4, 8, 12 and 16 steps of its
    path in the tree of Brown clusters, or that it has none, or that the tweet ends there. Of the
    token itself: its shape.
    """
    around = []
    for token in tokens:
        path = clusters.get(token) or clusters.get(token.lower())
        known = [f"{length}:{path[:length]}" for length in _PREFIXES] if path else ["unknown"]
        around.append(known)
    around = [["edge"], *around, ["edge"]]
    return [
        [f"{offset:+d}:{name}" for offset in (-1, 0, 1) for name in around[i + 1 + offset]]
        + _flags(token)
        for i, token in enumerate(tokens)
    ]


def _tagged(path: Path, clusters: dict[str, str]) -> tuple[list[list[str]], list[str]]:
    """Features and tags of all tokens, but of the tags that no test token has."""
    rows, tags = [], []
    for tweet in content_of(path).decode("utf-8").strip().split("\n\n"):
        pairs = [line.partition("\t")[::2] for line in tweet.split("\n")]
        features = token_features([token for token, _ in pairs], clusters)
        for names, (_, tag) in zip(features, pairs, strict=True):
            if tag not in _TAGS_WITHOUT_TEST:
                rows.append(names)
                tags.append(tag)
    return rows, tags


def _twitter_pos(files: Files, subset: str) -> Loaded:
    """Which of the 1000 most frequent features of the training tokens a token has."""
    names = ("6mpaths_brown_clusters", "oct27.train", f"oct27.{subset}")
    of_clusters, of_train, of_subset = [files.get(f"twitter_pos/{name}") for name in names]
    clusters = _clusters(of_clusters)
    rows, tags = _tagged(of_train, clusters)
    numbers, columns = by_size(tags), most_frequent(rows, WIDTH)
    if subset != "train":
        rows, tags = _tagged(of_subset, clusters)
    y = np.array([numbers[tag] for tag in tags], dtype=np.int64)
    return Loaded(presence(rows, columns, other=False), y, numbers, columns)


TEXTS = {
    "reuters36": Dataset(
        _reuters36,
        {"subset": ("train", "test"), "as_text": (False, True)},
    ),
    "twitter_pos": Dataset(
        _twitter_pos,
        {"subset": ("train", "dev", "test")},
    ),
}
