"""Ed25519 signatures, verified in plain Python (RFC 8032, 5.1.7): for an agent that has no library for it.

It signs nothing and holds no secret, so its time need not be constant. S must be below the order, so that one
signature has one form; the public key is one that the site printed, so keys of small order are not looked for.
"""

import hashlib
from functools import cache

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
KEY_BYTES, SIGNATURE_BYTES = 32, 64

Point = tuple[int, int, int, int]  # extended coordinates: x = X / Z, y = Y / Z, x y = T / Z


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this key made this signature of this message. public_key: 32 bytes, signature: 64."""
    if len(public_key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    key, s = _point(public_key), int.from_bytes(signature[32:], "little")
    if key is None or s >= ORDER:
        return False
    said = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(said, "little") % ORDER
    return _written(_times(s, _base(), k, (P - key[0], key[1], 1, P - key[3]))) == signature[:32]


def _point(text: bytes) -> Point | None:
    """The point that 32 bytes stand for, or None."""
    number = int.from_bytes(text, "little")
    y, odd = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and odd):
        return None
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


@cache
def _base() -> Point:
    point = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert point is not None
    return point


def _sum(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _twice(point: Point) -> Point:
    a, b, c = point[0] * point[0] % P, point[1] * point[1] % P, 2 * point[2] * point[2] % P
    h = a + b
    e, g = h - (point[0] + point[1]) ** 2 % P, a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(s: int, base: Point, k: int, key: Point) -> Point:
    """s times the one and k times the other, added."""
    total: Point = (0, 1, 1, 0)
    chosen = {(1, 0): base, (0, 1): key, (1, 1): _sum(base, key)}
    for bit in reversed(range(ORDER.bit_length())):
        total = _twice(total)
        point = chosen.get((s >> bit & 1, k >> bit & 1))
        total = total if point is None else _sum(total, point)
    return total


def _written(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")
