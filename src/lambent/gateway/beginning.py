"""A streamed body is begun before the head is sent: what fails until then can still be told with a status."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lambent.contracts.http import FileSlice, Response


async def begin(response: Response) -> None:
    """Wait for the first piece of the response's body, if it is a stream; raises what reading it raises."""
    body = response.body
    if isinstance(body, bytes | FileSlice):
        return
    begun = _Begun(aiter(body))
    try:
        begun.first = await anext(begun.rest)
    except StopAsyncIteration:
        response.body = b""
    except BaseException:
        await begun.aclose()
        raise
    else:
        response.body = begun


class _Begun:
    """A stream and the piece of it that was read already. Not a generator: one that nobody reads is never closed."""

    def __init__(self, rest: AsyncIterator[bytes]) -> None:
        self.first: bytes | None = None
        self.rest = rest

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self.first = self.first, None
        return await anext(self.rest) if first is None else first

    async def aclose(self) -> None:
        """Let go of the stream, read to its end or not."""
        close = getattr(self.rest, "aclose", None)
        if close is not None:
            await close()
