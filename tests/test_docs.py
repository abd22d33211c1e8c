"""Docstrings with shared texts."""

from imbdeep._docs import documented


def test_shared_texts_stand_where_their_names_were():
    @documented({"entry": "n : int\n    How many."})
    class Example:
        """Do it.

        Parameters
        ----------
        $entry And more.
        """

        text = "$entry"

        @classmethod
        def make(cls):
            """Take:

            $entry
            """

        def silent(self): ...

    assert Example.__doc__.endswith("n : int\n    How many. And more.")
    assert Example.make.__doc__.endswith("Take:\n\nn : int\n    How many.")
    assert (Example.text, Example.silent.__doc__) == ("$entry", None)
