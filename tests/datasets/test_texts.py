"""Texts: rules by hand, small files like the real ones, and the real ones by the paper's counts."""

import gzip
import io
import tarfile

import numpy as np
import pytest

from imbdeep.datasets import fetch
from imbdeep.datasets._files import REMOTES
from imbdeep.datasets._texts import (
    Document,
    r52_of,
    token_features,
    words_of,
)


def r52_table(documents):
    lines = ["split\tlabel\tnewid\ttext"]
    lines += [f"{d.part}\t{d.label}\t{i}\t{d.text}" for i, d in enumerate(documents)]
    return gzip.compress("\n".join([*lines, ""]).encode())


def some_documents():
    """Grain has 4 training documents, oil 2, tin 3; tin lacks test documents."""
    sizes = {"train": {"oil": 2, "grain": 4, "tin": 3}, "test": {"oil": 5, "grain": 6, "tin": 4}}
    return [
        Document(part, label, f"The {label.upper()} price, 7 dlrs; {'abcd'[i % 4] * 3} not")
        for part, labels in sizes.items()
        for label, size in labels.items()
        for i in range(size)
    ]


TWEET = "Hello\t!\n@you\t@\n5\t$\n:D\tE\n"
TWITTER = {
    "oct27.train": (TWEET + "Foo\tM\n\nworld\tN\nworld\tN\n\n") * 6,
    "oct27.dev": TWEET + "world\tN\n\n",
    "oct27.test": TWEET + "world\tN\n",
    "6mpaths_brown_clusters.gz": "0000\thello\t9\n01010101010\tworld\t8\n1111\t:D\t7\n",
}


@pytest.fixture
def folder(tmp_path, write):
    write(tmp_path, "reuters_r52/r52.tsv.gz", r52_table(some_documents()))
    for name, text in TWITTER.items():
        content = gzip.compress(text.encode()) if name.endswith(".gz") else text
        write(tmp_path, f"twitter_pos/{name}", content)
    return tmp_path


def test_reuters_keeps_topics_that_are_tested(folder):
    train, test = (fetch("reuters36", subset=part, data_home=folder) for part in ("train", "test"))
    assert train.target_names == test.target_names == ["grain", "oil"]
    assert np.bincount(train.target).tolist() == [4, 2]
    assert np.bincount(test.target).tolist() == [6, 5]
    words = ["dlrs", "price", "grain", "aaa", "bbb", "oil", "ccc", "ddd"]
    assert train.feature_names == test.feature_names == [*words, "any other word"]
    grain = dict(zip(train.feature_names, train.data[2], strict=True))
    assert [word for word, there in grain.items() if there] == ["dlrs", "price", "grain", "aaa"]
    assert train.data.dtype == np.float32


SGML = """\
<!DOCTYPE lewis SYSTEM "lewis.dtd">
<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" CGISPLIT="TRAINING-SET" OLDID="1" NEWID="1">
<DATE>26-FEB-1987</DATE><TOPICS><D>oil</D></TOPICS><PLACES><D>usa</D></PLACES>
<TEXT>&#2;<TITLE>OIL &lt;X&gt; UP</TITLE><DATELINE> here </DATELINE><BODY>Prices
    rose. Reuter
&#3;</BODY></TEXT>
</REUTERS>
<REUTERS TOPICS="YES" LEWISSPLIT="TEST" NEWID="2">
<TOPICS><D>oil</D></TOPICS><TEXT TYPE="BRIEF"><TITLE>OIL DOWN</TITLE></TEXT></REUTERS>
<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="3">
<TOPICS><D>tin</D></TOPICS><TEXT><BODY>only in training</BODY></TEXT></REUTERS>
<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="4">
<TOPICS><D>oil</D><D>gas</D></TOPICS><TEXT><BODY>two topics</BODY></TEXT></REUTERS>
<REUTERS TOPICS="YES" LEWISSPLIT="NOT-USED" NEWID="5">
<TOPICS><D>oil</D></TOPICS><TEXT><BODY>not used</BODY></TEXT></REUTERS>
<REUTERS TOPICS="NO" LEWISSPLIT="TRAIN" NEWID="6">
<TOPICS></TOPICS><TEXT><BODY>no topics</BODY></TEXT></REUTERS>
<REUTERS TOPICS="BYPASS" LEWISSPLIT="TRAIN" NEWID="7">
<TOPICS><D>oil</D></TOPICS><TEXT><BODY>bypassed</BODY></TEXT></REUTERS>
"""


def test_the_rule_of_r52():
    train, test = r52_of([SGML])
    assert train == Document("train", "oil", "OIL <X> UP Prices rose. Reuter")
    assert words_of(train.text) == ["oil", "prices", "rose", "reuter"]
    assert test == Document("test", "oil", "OIL DOWN")


def reuters_archive(text):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in {"reut2-001.sgm": text, "README.txt": "read me"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
    return file.getvalue()


def test_reuters_is_downloaded_and_its_sizes_checked(server, cache):
    """As many documents as R52 has, in a class of each part."""
    article = '<REUTERS TOPICS="YES" LEWISSPLIT="{}"><TOPICS><D>oil</D></TOPICS></REUTERS>'
    text = article.format("TRAIN") * 6532 + article.format("TEST") * 2568
    url = REMOTES["reuters_r52/reuters21578.tar.gz"][1][1]
    server[url] = reuters_archive(text)
    assert fetch("reuters36", return_X_y=True)[1].tolist() == [0] * 6532
    assert len(fetch("reuters36", subset="test", download=False).target) == 2568
    server[url] = reuters_archive(text + article.format("TEST"))
    (cache / "reuters_r52" / "reuters21578.tar.gz").unlink()
    with pytest.raises(ValueError, match=r"the class counts {'train': 6532, 'test': 2569}, not"):
        fetch("reuters36")


@pytest.mark.parametrize(
    "name, file, content, message",
    [
        ("reuters36", "reuters_r52/reuters21578.tar.gz", "no archive", ""),
        ("reuters36", "reuters_r52/r52.tsv.gz", "a\tb\n1\t2\n", "split, label and text"),
        (
            "twitter_pos",
            "twitter_pos/6mpaths_brown_clusters.gz",
            "0101 hello 9\n",
            "no path, word and count",
        ),
    ],
)
def test_a_wrong_file_is_named(folder, write, name, file, content, message):
    (folder / "reuters_r52" / "r52.tsv.gz").unlink()
    write(folder, file, content)
    with pytest.raises(ValueError, match=rf"{file} is damaged .*{message}"):
        fetch(name, data_home=folder)


def test_twitter_drops_two_tags_but_not_their_tokens_as_neighbours(folder):
    train, dev, test = (
        fetch("twitter_pos", subset=part, data_home=folder) for part in ("train", "dev", "test")
    )
    assert train.target_names == ["N", "!", "$", "@", "E"]
    assert np.bincount(train.target).tolist() == [12, 6, 6, 6, 6]
    assert test.target.tolist() == dev.target.tolist() == [1, 3, 2, 4, 0]
    assert train.feature_names == test.feature_names
    assert train.data.shape[1] == len(train.feature_names) == test.data.shape[1]
    # The emoticon is followed by the dropped token in training and by "world" in the test part.
    assert not np.array_equal(train.data[3], test.data[3])
    np.testing.assert_array_equal(dev.data, test.data)


def test_token_features_by_hand():
    clusters = {"hello": "0000", "world": "01010101010"}
    first, second = token_features(["Hello", "world"], clusters)
    assert first == [
        "-1:edge",
        *[f"+0:{n}:0000" for n in (4, 8, 12, 16)],
        *["+1:4:0101", "+1:8:01010101", "+1:12:01010101010", "+1:16:01010101010"],
        "capital",
    ]
    assert second[-1] == "+1:edge"
    assert token_features(["#5"], {}) == [["-1:edge", "+0:unknown", "+1:edge", "hash", "digit"]]
    (shape,) = token_features(["http://T.CO"], {})
    assert shape[3:] == ["link"]
    (shape,) = token_features(["OMG"], {})
    assert shape[3:] == ["capital", "capitals"]
    (shape,) = token_features(["?!"], {})
    assert shape[3:] == ["no letter or digit"]
