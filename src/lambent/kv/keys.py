"""Order-preserving keys: tuples to bytes and back. The specification is in DESIGN.md, section "Keys".

`pack(a) < pack(b)` exactly when `a < b`, element by element, where elements of different types rank
None < bytes < str < tuple < int < Decimal < False < True.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

Part = None | bytes | str | int | Decimal | bool | tuple["Part", ...]
"""What a key is made of. `bool` is a type of its own here, not an int."""

DIGITS_MAX: Final = 38
EXPONENT_MIN: Final = -130
EXPONENT_MAX: Final = 125

_END: Final = 0x00
_ESCAPED: Final = 0xFF
_NONE: Final = 0x01
_BYTES: Final = 0x02
_STR: Final = 0x03
_TUPLE: Final = 0x05
_INT_NEGATIVE_BIG: Final = 0x0B
_INT_ZERO: Final = 0x14
_INT_POSITIVE_BIG: Final = 0x1D
_INT_8_BYTES: Final = 1 << 64
_DECIMAL_NEGATIVE: Final = 0x30
_DECIMAL_ZERO: Final = 0x31
_DECIMAL_POSITIVE: Final = 0x32
_FALSE: Final = 0x40
_TRUE: Final = 0x41
_BEYOND: Final = b"\xff"

_NEXT_STR: Final = "\x00\x03"
_FLIP: Final = bytes(255 - i for i in range(256))
_EXACT: Final = Context(prec=DIGITS_MAX + 1)


class BadKey(ValueError):
    """A value that cannot be part of a key, or bytes that are not a key."""


def pack(parts: tuple[Part, ...]) -> bytes:
    """The bytes of a tuple. `BadKey` for a value outside the specification (float, NaN, 39 digits, lone surrogate)."""
    if not parts or parts[-1].__class__ is not str:
        return _pack(parts)
    # Most keys are a few short strings: one join, one scan for NUL, one encode.
    try:
        text = _NEXT_STR.join(parts)  # type: ignore[arg-type]
    except TypeError:
        return _pack(parts)
    if text.count("\x00") != len(parts) - 1:
        return _pack(parts)
    try:
        return f"\x03{text}\x00".encode()
    except UnicodeEncodeError as error:
        raise BadKey(f"not encodable: {text!r}") from error


def prefix_range(parts: tuple[Part, ...]) -> tuple[bytes, bytes]:
    """`(begin, end)` around the keys of all longer tuples that begin with `parts`; `parts` itself is outside."""
    packed = pack(parts)
    return packed + b"\x00", packed + _BEYOND


def unpack(key: bytes) -> tuple[Part, ...]:
    """The tuple of which `key` is the pack. Decimals come back normalised. `BadKey` when there is none."""
    parts: list[Part] = []
    at = 0
    size = len(key)
    try:
        while at < size:
            part, at = _unpack_one(key, at)
            parts.append(part)
    except (IndexError, UnicodeDecodeError) as error:
        raise BadKey(f"not a key: {key!r}") from error
    return tuple(parts)


def _pack(parts: tuple[Part, ...]) -> bytes:
    out = bytearray()
    for part in parts:
        cls = part.__class__
        if cls is str:
            _pack_str(out, part)  # type: ignore[arg-type]
        elif cls is int and 0 < part < _INT_8_BYTES:  # type: ignore[operator]
            size = (part.bit_length() + 7) >> 3  # type: ignore[union-attr]
            out.append(_INT_ZERO + size)
            out += part.to_bytes(size, "big")  # type: ignore[union-attr]
        else:
            _pack_other(out, part)
    return bytes(out)


def _pack_other(out: bytearray, part: Part) -> None:
    if part is None:
        out.append(_NONE)
    elif isinstance(part, bool):
        out.append(_TRUE if part else _FALSE)
    elif isinstance(part, bytes):
        out.append(_BYTES)
        out += part.replace(b"\x00", b"\x00\xff")
        out.append(_END)
    elif isinstance(part, str):
        _pack_str(out, str(part))
    elif isinstance(part, int):
        _pack_int(out, int(part))
    elif isinstance(part, Decimal):
        _pack_decimal(out, part)
    elif isinstance(part, tuple):
        out.append(_TUPLE)
        out += _pack(part)
        out.append(_END)
    else:
        raise BadKey(f"a key cannot hold {part!r}")


def _pack_str(out: bytearray, part: str) -> None:
    try:
        data = part.encode()
    except UnicodeEncodeError as error:
        raise BadKey(f"not encodable: {part!r}") from error
    out.append(_STR)
    out += data.replace(b"\x00", b"\x00\xff") if b"\x00" in data else data
    out.append(_END)


def _pack_int(out: bytearray, part: int) -> None:
    if part == 0:
        out.append(_INT_ZERO)
        return
    positive = part > 0
    magnitude = part if positive else -part
    size = (magnitude.bit_length() + 7) // 8
    digits = magnitude.to_bytes(size, "big")
    if size <= 8:
        out.append(_INT_ZERO + size if positive else _INT_ZERO - size)
        out += digits if positive else digits.translate(_FLIP)
        return
    length = bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(4, "big")
    out.append(_INT_POSITIVE_BIG if positive else _INT_NEGATIVE_BIG)
    out += length + digits if positive else (length + digits).translate(_FLIP)


def _pack_decimal(out: bytearray, part: Decimal) -> None:
    if not part.is_finite():
        raise BadKey(f"a key cannot hold {part}")
    if not part:
        out.append(_DECIMAL_ZERO)
        return
    sign, digits, _ = part.as_tuple()
    exponent = part.adjusted()
    text = "".join(map(str, digits)).rstrip("0")
    if len(text) > DIGITS_MAX or not EXPONENT_MIN <= exponent <= EXPONENT_MAX:
        raise BadKey(f"a key holds {DIGITS_MAX} digits and exponents {EXPONENT_MIN} to {EXPONENT_MAX}, not {part}")
    if len(text) % 2:
        text += "0"
    body = bytes((exponent - EXPONENT_MIN, *(int(text[i : i + 2]) + 1 for i in range(0, len(text), 2)), _END))
    out.append(_DECIMAL_NEGATIVE if sign else _DECIMAL_POSITIVE)
    out += body.translate(_FLIP) if sign else body


def _unpack_one(key: bytes, at: int) -> tuple[Part, int]:
    code = key[at]
    if code == _STR:
        data, at = _until_end(key, at + 1)
        return data.decode(), at
    if _INT_NEGATIVE_BIG <= code <= _INT_POSITIVE_BIG:
        return _unpack_int(key, at)
    if code == _BYTES:
        return _until_end(key, at + 1)
    if code == _NONE:
        return None, at + 1
    if code in (_FALSE, _TRUE):
        return code == _TRUE, at + 1
    if _DECIMAL_NEGATIVE <= code <= _DECIMAL_POSITIVE:
        return _unpack_decimal(key, at)
    if code == _TUPLE:
        inner: list[Part] = []
        at += 1
        while key[at] != _END:
            part, at = _unpack_one(key, at)
            inner.append(part)
        return tuple(inner), at + 1
    raise BadKey(f"not a key: {key!r} at {at}")


def _until_end(key: bytes, at: int) -> tuple[bytes, int]:
    end = start = at
    while True:
        end = key.find(b"\x00", end)
        if end < 0:
            raise BadKey(f"not a key: {key!r} ends inside an element")
        if key[end + 1 : end + 2] != _BEYOND:
            return key[start:end].replace(b"\x00\xff", b"\x00"), end + 1
        end += 2


def _unpack_int(key: bytes, at: int) -> tuple[int, int]:
    code = key[at]
    at += 1
    if code == _INT_ZERO:
        return 0, at
    positive = code > _INT_ZERO
    if code not in (_INT_POSITIVE_BIG, _INT_NEGATIVE_BIG):
        size = code - _INT_ZERO if positive else _INT_ZERO - code
    else:
        size = key[at] if positive else 255 - key[at]
        at += 1
        if size == 0xFF:
            long = key[at : at + 4]
            size = int.from_bytes(long if positive else long.translate(_FLIP), "big")
            at += 4
    digits = key[at : at + size]
    if len(digits) != size:
        raise BadKey(f"not a key: {key!r} ends inside an element")
    magnitude = int.from_bytes(digits if positive else digits.translate(_FLIP), "big")
    return (magnitude if positive else -magnitude), at + size


def _unpack_decimal(key: bytes, at: int) -> tuple[Decimal, int]:
    code = key[at]
    at += 1
    if code == _DECIMAL_ZERO:
        return Decimal(0), at
    negative = code == _DECIMAL_NEGATIVE
    # The exponent's byte may be any value, so the end is looked for after it.
    end = key.find(b"\xff" if negative else b"\x00", at + 1)
    if end < 0:
        raise BadKey(f"not a key: {key!r} ends inside an element")
    body = key[at:end].translate(_FLIP) if negative else key[at:end]
    text = "".join(f"{pair - 1:02d}" for pair in body[1:]).rstrip("0")
    value = Decimal(int(text)).scaleb(body[0] + EXPONENT_MIN - len(text) + 1, _EXACT)
    # Not -value, which would round to the digits of the thread's context.
    return (value.copy_negate() if negative else value), end + 1
