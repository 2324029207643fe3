"""Counts and shares as people read them. Money is in `core.usage.money`."""

SPACE = "\N{NO-BREAK SPACE}"


def count(number: int) -> str:
    """1,234,567."""
    return f"{number:,}"


def short(number: int) -> str:
    """1,234 or 56.7 K, 8.90 M, 12.3 B: three digits of what is large."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**4, "K")):
        if number >= size:
            value = number / (size if size != 10**4 else 1000)
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}{SPACE}{unit}"
    return f"{number:,}"


def whole_percent(progress: float) -> int:
    """Progress from 0 to 1 in whole percent: 57 of 0.57, which 100 times is 56.99999999999999; 100 of 1 alone."""
    return int(round(100 * progress, 6))


def took(milliseconds: float) -> str:
    """1.24 s: how long a call took. <0.01 s where it was less and not nothing."""
    seconds = milliseconds / 1000
    return f"<0.01{SPACE}s" if 0 < seconds < 0.005 else f"{seconds:,.2f}{SPACE}s"


def percent(part: int, whole: int) -> str:
    """12.3 %; a dash where there is nothing to take a share of. Never 0 or 100 unless it is exactly that."""
    if whole == 0:
        return "–"
    if part in (0, whole):
        return f"100{SPACE}%" if part else f"0{SPACE}%"
    value = 100 * part / whole
    if abs(value) < 0.1:
        return f"{'-' if value < 0 else ''}<0.1{SPACE}%"
    if 99.95 <= value < 100:
        return f">99.9{SPACE}%"
    return f"{value:.1f}{SPACE}%"
