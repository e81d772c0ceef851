"""How much of all requests is in memory at once: coming in, unpacked, being read, waiting to be written."""

#: Bytes of all requests of one process.
MOST = 64_000_000
#: More of them for requests that are small, so that a few large ones that come slowly shut nobody out.
MOST_OF_SMALL = MOST + 16_000_000
SMALL = 64_000


class Crowded(Exception):
    """There is no room for this request now; none of it was taken."""


class Hand:
    """What one request holds."""

    def __init__(self, hands: "Hands") -> None:
        self._hands = hands
        self.held = 0

    def has_room(self, size: int) -> bool:
        """Whether this request may hold so many bytes more."""
        most = MOST_OF_SMALL if self.held + size <= SMALL else MOST
        return self._hands.held + size <= most

    def hold(self, size: int) -> None:
        """Hold so many bytes more. Raises `Crowded`."""
        if not self.has_room(size):
            raise Crowded
        self.held += size
        self._hands.held += size

    def let_go(self) -> None:
        """Hold nothing any more."""
        self._hands.held -= self.held
        self.held = 0


class Hands:
    """What all requests of this process hold, in bytes. For one event loop."""

    def __init__(self) -> None:
        self.held = 0

    def take(self) -> Hand:
        """A hand for one request more."""
        return Hand(self)
