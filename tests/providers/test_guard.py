"""Which addresses may be called."""

import pytest

from conversations.providers.errors import AddressRefused
from conversations.providers.guard import check_url, is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_may_be_called(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
     "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "::127.0.0.1", "2001:db8::1", "not an address"],
)  # fmt: skip
def test_everything_else_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org", "file:///etc/passwd", "http://", "https://user:word@example.org",
     "http://[::1]/v1", "http://127.0.0.1/v1", "http://[bad/v1", "gopher://8.8.8.8"],
)  # fmt: skip
def test_only_plain_web_addresses_are_called(url):
    with pytest.raises(AddressRefused):
        check_url(url, allow_private=False)


def test_private_addresses_are_allowed_by_a_setting_but_no_other_scheme():
    check_url("http://127.0.0.1:8000/v1", allow_private=True)
    with pytest.raises(AddressRefused):
        check_url("file:///etc/passwd", allow_private=True)
