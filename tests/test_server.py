"""What a socket says: framed by RFC 6455, and written to the kernel at once where it may be."""

import socket
from types import SimpleNamespace

import pytest
from twisted.internet import main, tcp

from chatsite.server import Socket, framed, write_now

ROUNDS = 40
LARGE = 70_000


def unframed(data):
    """Final, opcode, masked and payload of the first frame by RFC 6455, section 5.2; the rest."""
    first, second = data[0], data[1]
    assert first & 0x70 == 0, "an extension that nobody agreed on"
    size, at = second & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
        assert size > 125, "the shortest form of a length is required"
    elif size == 127:
        size, at = int.from_bytes(data[2:10], "big"), 10
        assert size > 65_535, "the shortest form of a length is required"
        assert size < 2**63
    payload, rest = data[at : at + size], data[at + size :]
    assert len(payload) == size
    return bool(first & 0x80), first & 0x0F, bool(second & 0x80), payload, rest


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("letter", ["a", "é", "語", "🎈"])
def test_a_text_is_one_whole_unmasked_frame(size, letter):
    width = len(letter.encode())
    text = letter * (size // width) + "x" * (size % width)
    assert len(text.encode()) == size
    assert unframed(framed(text)) == (True, 1, False, text.encode(), b"")


def test_the_header_is_as_short_as_it_may_be():
    sizes = {size: len(framed("a" * size)) - size for size in (0, 125, 126, 65_535, 65_536)}
    assert sizes == {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}


def test_the_same_text_is_framed_once():
    assert framed("for everyone") is framed("for " + "everyone")
    assert framed("for somebody else") != framed("for everyone")


class Connection(tcp.Connection):
    """A connection to a kernel that takes so many bytes each time, or is lost."""

    connected = 1

    def __init__(self, *takes):
        self.takes = list(takes)
        self.dataBuffer, self._tempDataBuffer = b"", []
        self.kernel, self.handed = [], []

    def writeSomeData(self, data):  # noqa: N802
        took = self.takes.pop(0)
        if isinstance(took, int):
            took = min(took, len(data))
            self.kernel.append(bytes(data[:took]))
        return took

    def write(self, data):
        self.handed.append(bytes(data))


def test_where_nothing_waits_it_goes_to_the_kernel_directly():
    connection = Connection(100, 100)
    write_now(connection, b"one")
    write_now(connection, b"two")
    assert (connection.kernel, connection.handed) == ([b"one", b"two"], [])


@pytest.mark.parametrize(("takes", "kernel", "handed"), [(2, b"wo", b"rds"), (0, b"", b"words")])
def test_what_the_kernel_does_not_take_is_handed_over(takes, kernel, handed):
    connection = Connection(takes)
    write_now(connection, b"words")
    assert (b"".join(connection.kernel), connection.handed) == (kernel, [handed])


@pytest.mark.parametrize(
    "state",
    [
        {"dataBuffer": b"before"},
        {"_tempDataBuffer": [b"before"]},
        {"disconnecting": True},
        {"connected": 0},
    ],
)
def test_it_goes_behind_what_waits_and_never_to_an_end(state):
    connection = Connection()
    vars(connection).update(state)
    write_now(connection, b"one")
    write_now(connection, b"two")
    assert (connection.kernel, connection.handed) == ([], [b"one", b"two"])


def test_a_lost_connection_is_left_to_the_ordinary_way():
    connection = Connection(main.CONNECTION_LOST)
    write_now(connection, b"words")
    assert (connection.kernel, connection.handed) == ([], [b"words"])


def test_what_is_no_tcp_connection_is_written_to_in_the_ordinary_way():
    handed = []
    transport = SimpleNamespace(write=handed.append, dataBuffer=b"", connected=1)
    write_now(transport, b"one")
    write_now(transport, b"two")
    assert handed == [b"one", b"two"]


class Reactor:
    """Notes who wants to write."""

    def __init__(self):
        self.writers = set()

    def addWriter(self, writer):  # noqa: N802
        self.writers.add(writer)

    def removeWriter(self, writer):  # noqa: N802
        self.writers.discard(writer)

    def addReader(self, reader):  # noqa: N802
        """Nothing is read here."""

    removeReader = addReader  # noqa: N815


@pytest.fixture
def pair():
    """A connection of twisted's own over loopback with small buffers, and its other end."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    page = socket.create_connection(listener.getsockname())
    mine, _ = listener.accept()
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection = tcp.Connection(mine, None, Reactor())
    connection.connected = 1
    with listener, page, mine:
        page.settimeout(10)
        yield connection, page


def read(page, size):
    found = bytearray()
    while len(found) < size:
        found += page.recv(65_536)
    return bytes(found)


def test_over_a_real_connection_a_frame_goes_without_asking_the_loop(pair):
    connection, page = pair
    write_now(connection, framed("Once"))
    assert unframed(read(page, 6))[3:] == (b"Once", b"")
    assert connection.reactor.writers == set()


def test_over_a_real_connection_all_arrives_in_order_though_the_kernel_is_full(pair):
    connection, page = pair
    said = [f"{number}:{'é' * LARGE if number % 3 == 0 else ''}" for number in range(ROUNDS)]
    total = sum(len(framed(text)) for text in said)
    found = bytearray()
    for number, text in enumerate(said):
        write_now(connection, framed(text))
        if number == ROUNDS // 2:
            assert connection.reactor.writers == {connection}
            found += drained(connection, page)
            assert connection.reactor.writers == set()
    found += drained(connection, page)
    found += read(page, total - len(found))
    heard, rest = [], bytes(found)
    while rest:
        *_head, payload, rest = unframed(rest)
        heard.append(payload.decode())
    assert heard == said


def drained(connection, page):
    """Read, and let the connection write, until nothing waits any more."""
    found = bytearray()
    page.setblocking(False)
    while connection.reactor.writers:
        try:
            found += page.recv(65_536)
        except BlockingIOError:
            assert connection.doWrite() is None
    page.settimeout(10)
    return bytes(found)


def test_over_a_connection_whose_page_has_gone_nothing_is_raised(pair):
    connection, page = pair
    page.close()
    for _ in range(100):
        write_now(connection, framed("a" * LARGE))
        if connection.reactor.writers:
            break
    assert connection.reactor.writers == {connection}
    assert isinstance(connection.doWrite(), Exception)


class Saying(Socket):
    """A socket whose transport and ordinary way are noted; nobody has connected."""

    def __init__(self, state, queue=()):
        self.state, self.send_queue = state, list(queue)
        self.transport, self.queued = Connection(10**6), []

    def sendMessage(self, payload, isBinary=False):  # noqa: N802, N803
        self.queued.append((payload, isBinary))


def test_an_open_socket_says_it_now():
    said = Saying(Socket.STATE_OPEN)
    said.say("Grüße")
    assert (said.transport.kernel, said.queued) == ([framed("Grüße")], [])


def test_what_autobahn_still_holds_goes_first():
    said = Saying(Socket.STATE_OPEN, ["before"])
    said.say("Grüße")
    assert (said.transport.kernel, said.queued) == ([], [("Grüße".encode(), False)])


@pytest.mark.parametrize(
    "state", [Socket.STATE_CONNECTING, Socket.STATE_CLOSING, Socket.STATE_CLOSED]
)
def test_a_socket_that_is_not_open_says_nothing(state):
    said = Saying(state)
    said.say("words")
    assert (said.transport.kernel, said.transport.handed, said.queued) == ([], [], [])
