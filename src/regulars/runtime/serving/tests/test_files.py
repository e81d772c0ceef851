"""Files go out piece by piece."""

import asyncio
from pathlib import Path

from regulars.runtime.serving.files import FileSent


def test_a_large_file_is_never_in_memory_whole(tmp_path: Path):
    whole = bytes(range(256)) * 8_000
    (tmp_path / "orders.csv").write_bytes(whole)
    answer = FileSent((tmp_path / "orders.csv").open("rb"), as_attachment=True, filename="orders.csv")

    async def pieces() -> list[tuple[int, bytes]]:
        return [(answer.file_to_stream.tell(), piece) async for piece in answer]

    told = asyncio.run(pieces())
    assert b"".join(piece for _, piece in told) == whole
    assert told[0][0] < len(whole) / 10
    answer.close()
    assert answer["Content-Length"] == str(len(whole))
