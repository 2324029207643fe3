"""Money, counts and shares as people read them. Money comes in whole nano-dollars."""

from decimal import ROUND_HALF_EVEN, Decimal

DOLLAR = 10**9
MINUS = "−"
SPACE = "\N{NO-BREAK SPACE}"


def places_for(nano: int) -> int:
    """How many decimals an amount of this size is told with: cents, or as many as a small one needs."""
    size = abs(nano)
    return 2 if size >= DOLLAR // 10 or size == 0 else 4 if size >= DOLLAR // 1000 else 6


def rounded(nano: int, places: int) -> int:
    """The amount as it is told, in nano-dollars; half to even."""
    return int(_told(nano, places).scaleb(9))


def money(nano: int, places: int | None = None, *, sign: bool = False) -> str:
    """$1,234.50, $0.0042, −$3.00; with `sign` also +$3.00. What is there but too small to tell is <$0.01."""
    digits = places_for(nano) if places is None else places
    told = _told(abs(nano), digits)
    before = MINUS if nano < 0 else "+" if sign and nano > 0 else ""
    if told == 0 and nano != 0:
        return f"{before}<${Decimal(1).scaleb(-digits)}"
    return f"{before}${told:,.{digits}f}"


def dollars(nano: int) -> float:
    """For drawing, where a float is good enough."""
    return nano / DOLLAR


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


def percent(part: int, whole: int) -> str:
    """12.3 %; a dash where there is nothing to take a share of. Never 0 or 100 unless it is exactly that."""
    if whole == 0:
        return "–"
    if part in (0, whole):
        return f"100{SPACE}%" if part else f"0{SPACE}%"
    value = 100 * part / whole
    if abs(value) < 0.1:
        return f"{MINUS if value < 0 else ''}<0.1{SPACE}%"
    if 99.95 <= value < 100:
        return f">99.9{SPACE}%"
    return f"{value:.1f}{SPACE}%".replace("-", MINUS)


def _told(nano: int, places: int) -> Decimal:
    return Decimal(nano).scaleb(-9).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
