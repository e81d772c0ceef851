"""Hostile receivers: whatever they do, a call ends by its deadline, takes little, and goes nowhere it was sent."""

import ssl
import subprocess
import threading
import time

import pytest

from regulars.oversight.outbound import _calling, addresses, bounded
from regulars.oversight.outbound.tests import receivers
from regulars.oversight.outbound.tests.receivers import hostile, receiving

OWN = frozenset({"127.0.0.1", "shop.test"})
TRUSTED = ssl.create_default_context()


def called(url, *, deadline=0.5, trusted=TRUSTED, **rest):
    where = addresses.target(url, own=OWN)
    return _calling.post(where, headers={"webhook-id": "msg_1"}, body=b"{}", trusted=trusted, deadline=deadline, **rest)


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (receivers.hangs, None, "timeout"),
        (receivers.drips, None, "timeout"),
        (receivers.never_ends, 500, "status"),
        (receivers.floods_headers, None, "bad_answer"),
        (receivers.always_continues, None, "too_long"),
        (receivers.speaks_nonsense, None, "bad_answer"),
        (receivers.resets, None, "reset"),
        (receivers.redirects_to("http://169.254.169.254/latest/meta-data/"), 307, "redirect"),
    ],
)
def test_a_call_ends_by_its_deadline_and_names_what_went_wrong(behave, status, error):
    with hostile(behave) as url:
        began = time.monotonic()
        # Reading a flood to its limit takes a busy machine a moment.
        answer = called(url, deadline=0.5 if error == "timeout" else 3)
    assert time.monotonic() - began < 4
    if behave is receivers.floods_headers:
        assert answer.error in {"bad_answer", "too_long"}
    else:
        assert (answer.status, answer.error) == (status, error)


def test_a_redirect_is_never_followed_not_even_to_itself():
    calls = []
    with hostile(lambda connection: None) as elsewhere:
        met = []
        with hostile(receivers.counted(receivers.redirects_to(elsewhere), calls)) as url:
            assert called(url).error == "redirect"
    assert (len(calls), met) == (1, [])
    loops = []
    with hostile(receivers.counted(receivers.redirects_to("/hooks"), loops)) as url:
        assert called(url).error == "redirect"
    assert len(loops) == 1


def test_a_name_is_looked_up_once_and_the_checked_address_is_called(monkeypatch):
    """A name that answers differently the second time (DNS rebinding) is never asked a second time."""
    asked = []

    def resolved(host, port, *args, **rest):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port))]

    with receiving() as receiver:
        monkeypatch.setattr("socket.getaddrinfo", resolved)
        where = addresses.target(receiver.url.replace("127.0.0.1", "shop.test"), own=OWN)
        assert addresses.looked_up(where) == ["127.0.0.1"]
        asked.clear()
        connected = []
        real = bounded.socket.create_connection

        def connect(address, timeout):
            connected.append(address[0])
            return real(address, timeout)

        monkeypatch.setattr(bounded.socket, "create_connection", connect)
        called(receiver.url.replace("127.0.0.1", "shop.test"))
    assert connected[:1] == ["127.0.0.1"]
    assert asked[:1] == ["shop.test"]


def test_a_name_that_stands_for_a_private_address_is_not_called(monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port, *a, **r: [(2, 1, 6, "", ("10.0.0.1", port))])
    assert called("https://example.com/").error == "refused_address"


def test_nobody_there_and_nobody_known(monkeypatch):
    with hostile(receivers.hangs) as url:
        pass  # Only its address is wanted: behind it is nobody any more.
    assert called(url).error == "no_connection"

    def unknown(*args, **rest):
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert called("https://example.com/").error == "unknown_host"


def test_a_certificate_of_nobody_we_trust_is_refused_and_the_host_is_checked(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=shop.test"),
            *("-addext", "subjectAltName=DNS:shop.test"),
        ],
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    names = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    heard = threading.Event()

    def behave(connection):
        with serving.wrap_socket(connection, server_side=True) as secured:
            told = b""
            while not told.endswith(b"\r\n\r\n{}"):
                told += secured.recv(65536)
            if b"Host: shop.test:" in told:
                heard.set()
            secured.sendall(b"HTTP/1.1 204 Good\r\n\r\n")

    here = {"look_up": lambda where: ["127.0.0.1"]}
    trusting = ssl.create_default_context(cafile=str(certificate))
    with hostile(behave) as url:
        secure = url.replace("http://127.0.0.1", "https://shop.test")
        assert called(secure, deadline=3, **here).error == "tls"
        assert not heard.is_set()
        assert called(secure, deadline=3, trusted=trusting, **here).status == 204
        assert heard.is_set()
        assert names[-1] == "shop.test"
        other = url.replace("http://127.0.0.1", "https://127.0.0.1")
        assert called(other, deadline=3, trusted=trusting, **here).error == "tls"


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    calls = []
    with hostile(receivers.counted(receivers.hangs, calls)) as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        receiver.secret = "whsec_" + "A" * 32
        assert called(receiver.url).status == 401
    assert calls == []
