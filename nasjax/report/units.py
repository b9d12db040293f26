"""Numbers as people read them: unit, sensible digits, real minus signs."""

import math

from nasjax.report.values import Real

NBSP = "\u00a0"
_MINUS = "\u2212"
LETTERS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def count(value: Real | None, unit: str = "", *, short: bool = False) -> str:
    """Return a count with three digits and K, M, G or T; `short` drops zeros behind the point (for axes)."""
    if value is None:
        return "–"
    power = min(4, max(0, int(math.log10(abs(value)) // 3))) if abs(value) >= 1 else 0
    # 999.6 thousand would be written "1000 K".
    power += round(abs(value) / 1000**power) >= 1000 and power < 4
    scaled = value / 1000**power
    written = f"{scaled:.0f}" if power == 0 and float(value).is_integer() else _three_digits(scaled)
    if short and "." in written:
        written = written.rstrip("0").rstrip(".")
    suffix = list(LETTERS)[power]
    return _minus(written) + (f"{NBSP}{suffix}{unit}" if suffix or unit else "")


def exact(value: Real | None) -> str:
    """Return a whole number with thousands separated by thin spaces."""
    return "–" if value is None else _minus(f"{value:,.0f}".replace(",", "\u202f"))


def count_of(number: int, thing: str) -> str:
    """Return "1 network", "3 networks": a whole number with its thing."""
    return f"{exact(number)} {thing}{'' if number == 1 else 's'}"


def fixed(value: Real | None, digits: int, unit: str = "") -> str:
    """Return a number with a fixed number of digits behind the point; a dash for None."""
    return "–" if value is None else _minus(f"{value:.{digits}f}") + (NBSP + unit if unit else "")


def signed(value: Real, digits: int, unit: str = "") -> str:
    """Return a difference with its sign."""
    written = fixed(abs(value), digits, unit)
    if not float(f"{abs(value):.{digits}f}"):
        return "±" + written
    return ("+" if value > 0 else _MINUS) + written


def seconds(value: Real | None) -> str:
    """Return a duration in the two largest units that matter: 3 h 5 min, 4 min 12 s, 8.3 s, 120 ms."""
    if value is None or value < 0:
        return "–"
    if value < 59.95:
        return f"{value:.1f}{NBSP}s" if value >= 0.9995 or value == 0 else f"{value * 1000:.0f}{NBSP}ms"
    for big, small, unit, rest in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if value >= big - small / 2:
            whole, left = divmod(round(value / small), big // small)
            return f"{whole}{NBSP}{unit}" + (f" {left}{NBSP}{rest}" if left else "")
    return "–"


def _three_digits(value: Real) -> str:
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def _minus(written: str) -> str:
    return written.replace("-", _MINUS)
