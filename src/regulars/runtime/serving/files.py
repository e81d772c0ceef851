"""Files of any size, to whoever asks for one."""

from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import FileResponse


class FileSent(FileResponse):
    """A file that goes out piece by piece.

    Django's own is made for WSGI: behind an ASGI server it reads the whole file into memory before it sends anything.
    """

    async def __aiter__(self) -> AsyncIterator[Any]:
        assert self.file_to_stream is not None  # what is sent can be read
        read = sync_to_async(self.file_to_stream.read, thread_sensitive=False)
        while piece := await read(self.block_size * 16):
            yield piece
