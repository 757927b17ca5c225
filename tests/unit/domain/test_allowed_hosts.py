"""Which names a server answers to."""

import pytest

from ml_training.domain.allowed_hosts import AllowedHosts, host_names, split_target

HOSTS = AllowedHosts("10.0.0.5", "ml.example.org, API,,fd00::1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8000",
        "localhost:1",
        "LocalHost",
        "[::1]:80",
        "10.0.0.5",
        "ml.example.org:443",
        "api:8000",
        "[fd00::1]:8000",
        "[FD00::1]",
    ],
)
def test_its_own_names_and_those_of_the_setting_are_allowed_with_any_port(host: str) -> None:
    assert HOSTS.allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "a b",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil.localhost",
        "localhost:",
        "::1",
        "localhost:80:80",
        "user@localhost",
        "localhost/",
        "localhost,evil.example",
        "localhost, localhost",
        "[::1",
        "]",
        "localhost.",
        ".localhost",
        "localhost:x",
        "localhost\n",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0.0.0.0",  # noqa: S104 - a name, nothing listens
    ],
)
def test_every_other_name_is_refused(host: str) -> None:
    assert not HOSTS.allows(host)


def test_a_name_of_the_setting_is_not_the_servers_own() -> None:
    assert HOSTS.is_own("localhost:8000")
    assert HOSTS.is_own("10.0.0.5")
    assert not HOSTS.is_own("ml.example.org")


@pytest.mark.parametrize("setting", ["a b", "http://x", "x:80", "*", "x/", "[::1]:80", "-x", "é"])
def test_what_is_no_name_is_refused_in_the_setting(setting: str) -> None:
    with pytest.raises(ValueError, match="without port"):
        host_names(setting)


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("/a?b=//c", None, "/a"),
        ("//a/b", None, "//a/b"),
        ("*", None, "*"),
        ("http://x:1/a?b", "x:1", "/a"),
        ("http://x", "x", "/"),
        ("HTTP://x?y", "x", "/"),
        ("http://user@x/a", "user@x", "/a"),
        ("x:80", "", ""),
        ("a/b", "", ""),
    ],
)
def test_a_target_names_its_path_and_maybe_a_host(target: str, host: str | None, path: str) -> None:
    assert split_target(target) == (host, path)
