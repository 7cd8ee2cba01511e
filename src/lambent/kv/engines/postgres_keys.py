"""Keys of any length in an index whose entries have a greatest length, in their order.

A key of up to `bytes_max` bytes is its own row. A longer one, a prefix of exactly `bytes_max` bytes and a tail, is a
row in the bucket of its prefix: `FF 01`, a digest of the prefix, the tail, which is cut again while it is too long.
In the place of a bucket's keys stands one marker, prefix + `00`: no other row has more than `bytes_max` bytes, and it
sorts where they do, because every other key is before or after all keys that begin with the prefix. A scan that meets
a marker goes through its bucket. So short keys pay nothing, and long ones have their exact order.

Keys that begin with `FF`, which no table has, are written as `FF 00` and the rest, so that they are below all buckets.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from lambent.kv.buffer import Rows, Scan, merged_scan

INDEXED_BYTES_MAX: Final = 2600
"""PostgreSQL's B-tree takes entries of a third of a page, 2,704 bytes with their header."""
DIGEST_BYTES: Final = 16
_BUCKETS: Final = b"\xff\x01"
_BUCKET_BYTES: Final = len(_BUCKETS) + DIGEST_BYTES

Writes = dict[bytes, bytes | None]


class LongKeys:
    """Maps keys to rows and back. `bytes_max` is the length up to which a key is its own row."""

    def __init__(self, bytes_max: int = INDEXED_BYTES_MAX) -> None:
        assert bytes_max > _BUCKET_BYTES
        self._bytes_max = bytes_max

    def row(self, key: bytes) -> bytes:
        """The row that holds the value of `key`."""
        if len(key) <= self._bytes_max and key[:1] != b"\xff":
            return key
        return self._chain(_above(key))[-1]

    def rows(self, writes: Writes, raw: Scan) -> Writes:
        """The rows to write for `writes`; `raw` scans the rows that are there, which long keys' deletion needs."""
        if not any(len(key) > self._bytes_max or key[:1] == b"\xff" for key in writes):
            return writes
        found: Writes = {}
        deleted: list[list[bytes]] = []
        for key, value in writes.items():
            chain = self._chain(_above(key))
            found[chain[-1]] = value
            if value is None:
                deleted.append(chain)
            else:
                for link in chain[:-1]:
                    found[link[: self._bytes_max] + b"\x00"] = b""
        for chain in deleted:
            self._forget(chain, found, raw)
        return found

    def scan(self, raw: Scan, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Keys and values of `begin <= key < end`, of the rows that `raw` scans."""
        if end[:1] != b"\xff":
            return self._walk(raw, begin, end, limit, reverse)
        rows = self._walk(raw, _above(begin), _above(end), limit, reverse)
        return [(b"\xff" + key[2:] if key[:1] == b"\xff" else key, value) for key, value in rows]

    def _chain(self, key: bytes) -> list[bytes]:
        """The key, what is left of it in its prefix's bucket, and so on; the last one fits and is the row."""
        chain = [key]
        while len(key) > self._bytes_max:
            key = _bucket(key[: self._bytes_max]) + key[self._bytes_max :]
            chain.append(key)
        return chain

    def _forget(self, chain: list[bytes], writes: Writes, raw: Scan) -> None:
        """Remove the markers of buckets that the deletion of the chain's row leaves empty, the innermost first."""
        for link in reversed(chain[:-1]):
            prefix = link[: self._bytes_max]
            bucket = _bucket(prefix)
            end = _after(bucket)
            over = {key: value for key, value in writes.items() if bucket <= key < end}
            if merged_scan(raw, over, bucket, end, 1, False):
                return
            writes[prefix + b"\x00"] = None

    def _walk(self, raw: Scan, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """As `scan`, for keys above the buckets or within one."""
        size = self._bytes_max
        low = begin if len(begin) <= size else begin[:size] + b"\x00"
        high = end if len(end) <= size else end[:size] + b"\x01"
        found: Rows = []
        while True:
            want = None if limit is None else limit - len(found)
            rows = raw(low, high, want, reverse)
            if not found and all(len(key) <= size for key, _ in rows):
                return rows
            for key, value in rows:
                if len(key) <= size:
                    found.append((key, value))
                else:
                    left = None if limit is None else limit - len(found)
                    found += self._through(raw, key[:size], begin, end, left, reverse)
                if limit is not None and len(found) >= limit:
                    return found[:limit]
            if want is None or len(rows) < want:
                return found
            # Fewer keys than rows: of a bucket at the range's edge none may lie inside it.
            if reverse:
                high = rows[-1][0]
            else:
                low = rows[-1][0] + b"\x00"

    def _through(self, raw: Scan, prefix: bytes, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """The keys of a prefix's bucket that lie in the range."""
        size, bucket = self._bytes_max, _bucket(prefix)
        first = bucket + begin[size:] if begin[:size] == prefix else bucket
        last = bucket + end[size:] if end[:size] == prefix else _after(bucket)
        rows = self._walk(raw, first, last, limit, reverse)
        return [(prefix + key[_BUCKET_BYTES:], value) for key, value in rows]


def _bucket(prefix: bytes) -> bytes:
    return _BUCKETS + blake2b(prefix, digest_size=DIGEST_BYTES).digest()


def _after(bucket: bytes) -> bytes:
    """The first key behind all keys that begin with `bucket`."""
    return (int.from_bytes(bucket) + 1).to_bytes(len(bucket))


def _above(key: bytes) -> bytes:
    return b"\xff\x00" + key[1:] if key[:1] == b"\xff" else key
