"""Chunks of the arena, worked out by hand from the rules of the runtime's source."""

from annette.devices.onnxruntime_cpu.arena import Arena, rounded

MB = 1 << 20


def test_sizes_are_rounded_up_to_256_bytes():
    assert [rounded(size) for size in (0, 1, 256, 257)] == [0, 256, 256, 512]


def test_a_chunk_less_than_twice_as_large_is_taken_whole():
    arena = Arena()
    arena.allocate("a", 3 * MB)
    assert (arena.in_use_bytes, arena.total_bytes) == (4 * MB, 4 * MB)
    arena.allocate("b", MB)  # the arena grows by what it grew by before
    assert (arena.in_use_bytes, arena.total_bytes) == (5 * MB, 8 * MB)


def test_free_neighbours_join_and_the_smallest_that_fits_is_taken():
    arena = Arena()
    for name in "abc":
        arena.allocate(name, 256 * 1024)
    assert arena.total_bytes == MB
    arena.release("a")
    arena.release("b")
    arena.allocate("d", 512 * 1024)
    assert (arena.in_use_bytes, arena.total_bytes) == (768 * 1024, MB)
    arena.allocate("e", 200 * 1024)
    assert (arena.in_use_bytes, arena.total_bytes) == (MB, MB)
    for name in "cde":
        arena.release(name)
    assert arena.in_use_bytes == 0
    arena.allocate("f", MB)
    assert (arena.most_bytes, arena.total_bytes) == (MB, MB)


def test_nothing_is_taken_for_nothing():
    arena = Arena()
    arena.allocate("a", 0)
    arena.release("a")
    arena.release("never taken")
    assert arena.most_bytes == arena.total_bytes == 0
