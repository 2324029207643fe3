"""Money: kept in whole nano-dollars, exact as Decimal dollars, and shown in one spelling: -$3.00.

Shown alone, an amount has cents; one below ten cents has four places, one below a tenth of a cent six. Amounts that
are compared, in a table or a sum, have the places of the largest. Single calls always have six.
What is not nothing is never shown as nothing: where its places end before it begins, it is <$0.01.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

NANO = 10**9
CALL_PLACES = 6
EXACT_PLACES = 9


def dollars(nano: int) -> Decimal:
    """Nano-dollars as exact dollars."""
    return Decimal(nano).scaleb(-9)


def floats(said: Any) -> Any:
    """The same answer with its Decimals as the nearest floats."""
    if isinstance(said, Decimal):
        return float(said)
    if isinstance(said, dict):
        return {name: floats(value) for name, value in said.items()}
    return [floats(value) for value in said] if isinstance(said, list) else said


def places_for(*amounts: int | Decimal) -> int:
    """How many places these amounts are shown with beside each other: 2, 4 or 6, by the largest."""
    size = max((abs(_exact(amount)) for amount in amounts), default=Decimal(0))
    return 2 if size >= Decimal("0.1") or size == 0 else 4 if size >= Decimal("0.001") else CALL_PLACES


def rounded(amount: int | Decimal, places: int) -> int:
    """The amount as it is shown, in nano-dollars; half to even."""
    return int(_shown(_exact(amount), places).scaleb(9))


def money(amount: int | Decimal, places: int | None = None, *, sign: bool = False) -> str:
    """$1,234.50, $0.0042, -$3.00, of whole nano-dollars or of Decimal dollars; with `sign` also +$3.00.

    `places`: those of the amounts beside it; by default it stands alone.
    """
    exact = _exact(amount)
    digits = places_for(exact) if places is None else places
    before = "-" if exact < 0 else "+" if sign and exact > 0 else ""
    shown = _shown(abs(exact), digits)
    if exact and not shown:
        return f"{before}<${Decimal(1).scaleb(-digits):f}"
    return f"{before}${shown:,f}"


def _exact(amount: int | Decimal) -> Decimal:
    return amount if isinstance(amount, Decimal) else dollars(amount)


def _shown(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
