"""Is the game still a game? What the logged scores of a discriminator say, as a function of the rows alone.

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for diagnosis in diagnose(rows): print(diagnosis)

Thresholds are far from where healthy runs of our toys and of published recipes stand; they are about raw scores, so a
discriminator that is scaled (by a large penalty, or spectral norm) reaches them later.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

WINDOW = 8  # rows, of which all (or the median) must agree
_HUGE = 100.0  # scores beyond this: no loss of ours pulls them back in time
_STEEP = 100.0  # gradient norms so many times those of the first rows, and above _FLOOR
_FLOOR = 10.0
_BLIND = 0.005  # mean scores of real and generated images that are no further apart
_WON = 0.005  # a discriminator's loss below this leaves the generator nothing to learn from


class Diagnosis(NamedTuple):
    """What is wrong with a player: "exploding", "blind" or "unbeatable", from which step on, and what may help."""

    name: str
    player: str
    step: int
    advice: str

    def __str__(self) -> str:
        return f"{self.player} is {self.name} since step {self.step}: {self.advice}"


_ADVICE = {
    "exploding": "its scores or gradients grow without bound; add a penalty (r1) or spectral norm, or lower lr",
    "blind": "it gives real and generated images the same score; raise its lr or width, or lower r1",
    "unbeatable": "its loss is nearly 0, so the generator learns nothing; add augmentation or r1, or lower its lr",
}


def diagnose(rows: Sequence[Mapping[str, Any]]) -> list[Diagnosis]:
    """What the newest rows of one phase say about its discriminators; nothing for fewer than 8 rows, or without a game.

    A row has "step" and numbers by name ("discriminator/real", "discriminator/fake", "discriminator/loss" and
    "discriminator/grad_norm"; null or NaN where one was not finite). Players are found by those names; of a player with
    a second game, scores are "discriminator/real_input" and "discriminator/fake_input", say.
    """
    if len(rows) < WINDOW:
        return []
    games = _games(rows[-1])
    return [d for player in dict.fromkeys(p for p, _ in games) for d in _of(player, games, rows)]


def _games(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Players with what is behind "real" and "fake" in the names of their scores."""
    split = [(name.partition("/real"), name) for name in row]
    return sorted((p, end) for (p, real, end), _ in split if real and f"{p}/fake{end}" in row)


def _of(player: str, games: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> Iterator[Diagnosis]:
    last = rows[-WINDOW:]
    since = int(last[0].get("step", 0))
    ends = [end for p, end in games if p == player]
    found = {
        "exploding": _explodes(player, ends, rows),
        "blind": any(_is_blind(player, end, last) for end in ends),
        "unbeatable": _wins(player, last),
    }
    # One that explodes may be called other things too, which would only distract.
    for name in [n for n, so in found.items() if so][:1]:
        yield Diagnosis(name, player, since, _ADVICE[name])


def _explodes(player: str, ends: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bool:
    last, first = rows[-WINDOW:], rows[:WINDOW]
    for end in ends:
        sizes = [abs(v) for side in ("real", "fake") for v in _values(player, f"{side}{end}", last)]
        if any(not math.isfinite(v) for v in sizes) or statistics.median(sizes) > _HUGE:
            return True
    norms = [statistics.median(_values(player, "grad_norm", part) or [0.0]) for part in (first, last)]
    return norms[1] > max(_FLOOR, _STEEP * norms[0])


def _is_blind(player: str, end: str, last: Sequence[Mapping[str, Any]]) -> bool:
    pairs = zip(_values(player, f"real{end}", last), _values(player, f"fake{end}", last), strict=True)
    return all(abs(real - fake) < _BLIND for real, fake in pairs)


def _wins(player: str, last: Sequence[Mapping[str, Any]]) -> bool:
    losses = _values(player, "loss", last)
    # Of a Wasserstein game the loss is a difference that is negative while it goes well.
    return len(losses) == len(last) and all(0 <= loss < _WON for loss in losses)


def _values(player: str, name: str, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """The numbers of that name; what is logged as null was not finite."""
    key = f"{player}/{name}"
    return [math.nan if row[key] is None else float(row[key]) for row in rows if key in row]
