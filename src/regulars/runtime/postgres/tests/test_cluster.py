"""What the server is set to, of the machine it is on."""

import pytest

from regulars.runtime.postgres import cluster


@pytest.mark.parametrize(
    ("memory_mb", "buffers_mb"),
    [(1_024, 256), (4_096, 256), (8_192, 512), (24_576, 1_536), (262_144, 2_048)],
)
def test_the_server_keeps_a_sixteenth_of_the_memory_in_pages_within_bounds(memory_mb, buffers_mb):
    assert cluster.buffers_mb(memory_mb) == buffers_mb


def test_a_container_has_what_it_was_given(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(cluster, "MEMORY_LIMITS", (limit, tmp_path / "none"))
    whole = cluster.memory_mb()
    limit.write_text("max\n")
    assert cluster.memory_mb() == whole
    limit.write_text("536870912\n")
    assert cluster.memory_mb() == 512
