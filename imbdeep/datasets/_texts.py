"""M2m's two sets of words: topics of news (Reuters) and tags of tweets (Twitter)."""

from __future__ import annotations

import csv
import html
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from imbdeep.datasets._cache import (
    Folder,
    Remote,
    as_bunch,
    check_choice,
    check_counts,
    content_of,
    damaged,
    find,
    missing,
    obtain,
)

#: Columns of the two data sets.
WIDTH = 1000

_R52 = "r52.tsv.gz"
_REUTERS_ARCHIVE = "reuters21578.tar.gz"
_REUTERS = Remote(
    (
        "https://kdd.ics.uci.edu/databases/reuters21578/reuters21578.tar.gz",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/reuters21578-mld/"
        "reuters21578.tar.gz",
    ),
    None,
)
#: Documents of R52 in each part, by which a download is checked.
_R52_SIZES = {"train": 6532, "test": 2568}
#: Documents of the test part that a class needs.
_LEAST_TEST = 5

_ARK = (
    "https://raw.githubusercontent.com/brendano/ark-tweet-nlp/"
    "72755ccd1b29ba8e1dbbb49efe57ba9723c0013b"
)
_SPLITS = f"{_ARK}/data/twpos-data-v0.3/oct27.splits"
_TWITTER_FILES = {
    "6mpaths_brown_clusters.gz": Remote(
        (f"{_ARK}/ark-tweet-nlp/src/main/resources/cmu/arktweetnlp/6mpaths",),
        "d2c073f2673130f63aa18cd8bc93eb4d",
    ),
    "oct27.train": Remote((f"{_SPLITS}/oct27.train",), "cdd3cc7b3701daf42c94da5eb9baae63"),
    "oct27.dev": Remote((f"{_SPLITS}/oct27.dev",), "df9f313212e111ac9edcc563ee423faf"),
    "oct27.test": Remote((f"{_SPLITS}/oct27.test",), "0c28e1b3174358351a55c0393a387082"),
}
_PREFIXES = (4, 8, 12, 16)
_TAGS_WITHOUT_TEST = ("M", "Y")


def by_size(labels: Sequence[str]) -> dict[str, int]:
    """Class numbers from the largest class to the smallest, equal ones in alphabetical order."""
    counts = Counter(labels)
    order = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: code for code, label in enumerate(order)}


def most_frequent(rows: Iterable[Iterable[str]], n: int) -> dict[str, int]:
    """Columns of the ``n`` most frequent words, of equally frequent ones the first by alphabet."""
    counts = Counter(word for row in rows for word in row)
    words = sorted(counts, key=lambda word: (-counts[word], word))[:n]
    return {word: column for column, word in enumerate(words)}


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


def _from_archive(path: Path) -> list[Document]:
    try:
        with tarfile.open(path) as archive:
            files = {
                member.name: file.read().decode("latin-1")
                for member in archive
                if member.name.endswith(".sgm") and (file := archive.extractfile(member))
            }
    except (tarfile.TarError, EOFError, OSError) as error:
        raise damaged(path, str(error)) from error
    documents = r52_of(files[name] for name in sorted(files))
    check_counts(path, Counter(document.part for document in documents), _R52_SIZES)
    return documents


def reuters36_documents(*, data_home: Folder, download: bool) -> list[Document]:
    """R52's documents of the 36 topics that have five test documents or more."""
    path = find("reuters_r52", _R52, data_home)
    if path is not None:
        documents = _from_table(path)
    else:
        archive = find("reuters_r52", _REUTERS_ARCHIVE, data_home)
        if archive is None and not download:
            raise missing("reuters_r52", _R52, data_home, "download=False forbids fetching it")
        files = {_REUTERS_ARCHIVE: _REUTERS}
        (archive,) = obtain("reuters_r52", files, data_home=data_home, download=download)
        documents = _from_archive(archive)
    tested = Counter(document.label for document in documents if document.part == "test")
    return [document for document in documents if tested[document.label] >= _LEAST_TEST]


def fetch_reuters36(
    *,
    subset: str = "train",
    as_text: bool = False,
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load Reuters with 36 topics, from 2840 documents down to 4: the data set of M2m.

    Of R52 (documents of Reuters-21578 with one topic, in the ModApte split) those 36 topics stay
    that have five test documents or more: 6436 for training, as M2m says, and 2530 for testing.

    A row tells which of 999 words a document has, the most frequent of the training part, ties by
    alphabet; a last column tells whether it has any other. The paper's own preparation is not
    public: words are runs of two letters or more, and stop words are scikit-learn's.

    Read from ``reuters_r52/r52.tsv.gz`` (columns split, label, text). Where there is none,
    Reuters-21578 is downloaded and R52 made from it; it is for research only.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The part of the ModApte split.
    as_text : bool, default=False
        Whether ``data`` holds the texts, as an array of objects, instead of the columns.
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_mnist`.
    download : bool, default=True
        Whether what is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        ``data``, of float32 and shape (n, 1000); ``target``, topics as numbers from the largest in
        the training part (0) to the smallest; ``feature_names``, the words; ``target_names``, the
        topics; and the rest as of :func:`fetch_mnist`.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If ``subset`` is none of the two, or a file is damaged.

    References
    ----------
    D. Lewis, "Reuters-21578 text categorization test collection", 1997.
    """
    check_choice("subset", subset, _R52_SIZES)
    documents = reuters36_documents(data_home=data_home, download=download)
    codes = by_size([document.label for document in documents if document.part == "train"])
    chosen = [document for document in documents if document.part == subset]
    data: NDArray[Any]
    if as_text:
        names = ["text"]
        data = np.array([document.text for document in chosen], dtype=object)
    else:
        train = (words_of(document.text) for document in documents if document.part == "train")
        columns = most_frequent(train, WIDTH - 1)
        names = [*columns, "any other word"]
        data = presence([words_of(document.text) for document in chosen], columns, other=True)
    return as_bunch(
        data,
        np.array([codes[document.label] for document in chosen], dtype=np.int64),
        feature_names=names,
        target_names=codes,
        describe="R52 of Reuters-21578, the 36 topics with five test documents or more.",
        return_X_y=return_X_y,
    )


def _tweets(path: Path) -> list[list[tuple[str, str]]]:
    """(token, tag) pairs, a list a tweet."""
    blocks = content_of(path).decode("utf-8").strip().split("\n\n")
    return [
        [(token, tag) for token, _, tag in (line.partition("\t") for line in block.split("\n"))]
        for block in blocks
    ]


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


def fetch_twitter_pos(
    *,
    subset: str = "train",
    data_home: Folder = None,
    download: bool = True,
    return_X_y: bool = False,
) -> Any:
    """Load tokens of tweets and their 23 parts of speech, from 2219 tokens down to 15.

    The labels are those of M2m: oct27 of Gimpel et al., without the tags M and Y, which no test
    token has. The inputs are not, because the paper's word embeddings are not to be had: a row
    tells which of 1000 things hold, the most frequent among the training tokens. Of the token, the
    one before and the one after, these are the first 4, 8, 12 and 16 steps of its path in the tree
    of Brown clusters, that it has none, or that the tweet ends there; and the token's shape.

    Read from the folder ``twitter_pos``; downloaded from the authors' repository and checked by
    their MD5.

    Parameters
    ----------
    subset : {"train", "dev", "test"}, default="train"
        The part of the release: 14 614, 4823 and 7152 tokens.
    data_home : str or path, default=None
        Folder with a subfolder for each data set; see :func:`fetch_mnist`.
    download : bool, default=True
        Whether a file that is not there may be downloaded into the cache.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.

    Returns
    -------
    Bunch or tuple
        ``data``, of float32 and shape (n, 1000); ``target``, tags as numbers from the largest in
        the training part (0) to the smallest; ``feature_names``; ``target_names``, the tags; and
        the rest as of :func:`fetch_mnist`.

    Raises
    ------
    FileNotFoundError
        If a file is nowhere and cannot be downloaded.
    ValueError
        If ``subset`` is none of the three, or a file is damaged.

    References
    ----------
    K. Gimpel et al., "Part-of-speech tagging for Twitter: annotation, features, and experiments",
    ACL 2011.
    """
    check_choice("subset", subset, ("train", "dev", "test"))
    files = {
        name: remote
        for name, remote in _TWITTER_FILES.items()
        if name in ("6mpaths_brown_clusters.gz", "oct27.train", f"oct27.{subset}")
    }
    paths = obtain("twitter_pos", files, data_home=data_home, download=download)
    by_name = dict(zip(files, paths, strict=True))
    clusters = _clusters(by_name["6mpaths_brown_clusters.gz"])
    rows, tags = _tagged(by_name["oct27.train"], clusters)
    codes, columns = by_size(tags), most_frequent(rows, WIDTH)
    if subset != "train":
        rows, tags = _tagged(by_name[f"oct27.{subset}"], clusters)
    return as_bunch(
        presence(rows, columns, other=False),
        np.array([codes[tag] for tag in tags], dtype=np.int64),
        feature_names=columns,
        target_names=codes,
        describe="Tags of tweets (Gimpel et al. 2011, oct27), by Brown clusters and shapes.",
        return_X_y=return_X_y,
    )


def _tagged(path: Path, clusters: dict[str, str]) -> tuple[list[list[str]], list[str]]:
    """Features and tags of all tokens, but of the tags that no test token has."""
    rows, tags = [], []
    for tweet in _tweets(path):
        features = token_features([token for token, _ in tweet], clusters)
        for names, (_, tag) in zip(features, tweet, strict=True):
            if tag not in _TAGS_WITHOUT_TEST:
                rows.append(names)
                tags.append(tag)
    return rows, tags
