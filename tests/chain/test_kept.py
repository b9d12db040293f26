"""What phases share is made once, and not kept without end."""

from nasjax.chain.kept import Kept


def test_a_key_is_made_once_and_the_one_used_longest_ago_goes():
    """Of two places, the one that was asked for since keeps its own."""
    kept, made = Kept(most=2), []

    def make(name):
        return kept(name, lambda: made.append(name) or name.upper())

    assert [make(name) for name in "aabac"] == ["A", "A", "B", "A", "C"]
    assert made == ["a", "b", "c"]
    assert make("a") == "A" and make("b") == "B"
    assert made == ["a", "b", "c", "b"]
