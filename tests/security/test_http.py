"""Whatever is sent, the answer is one of ours: no 500, no other host believed, no line forged."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from dashboard.guard import BODY_BYTES_MAX
from dashboard.house import ROOT, SIGN_IN_PATH
from models.people import Role
from tests.fixtures.guarded import OWN, Address, Guarded, listed_addresses, place_at
from tests.fixtures.pages import HOME, PASSWORD

ADDRESSES = listed_addresses()
FORMS = [each for each in ADDRESSES if each.method == "POST" and not each.is_api]
PAGE_FORMS = [each for each in FORMS if not each.path.startswith("/webhooks")]
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
#: Methods that nothing of ours takes.
ODD = ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POSTT", "G")
#: Bodies that no browser sends: content type, and what there is.
BROKEN = {
    "nothing": (FORM, b""),
    "no pairs": (FORM, b"&&&&=&=&&"),
    "broken percent signs": (FORM, b"name=%&password=%zz%f"),
    "no UTF-8": (FORM, b"name=%ff%fe&password=\xff\xfe&form_token=%ff"),
    "NUL": (FORM, b"name=a%00b&password=x&form_token=%00"),
    "raw NUL": (FORM, b"name=a\0b"),
    "half a surrogate": (FORM, b"name=%ed%a0%80&password=%ed%a0%80"),
    "very many fields": (FORM, b"&".join(b"f%d=1" % number for number in range(5_000))),
    "one field many times": (FORM, b"form_token=a&" * 900),
    "other charset": (f"{FORM}; charset=utf-16", b"\xff\xfen\0a\0"),
    "unknown charset": (f"{FORM}; charset=nothing", b"name=a"),
    "json": ("application/json", b'{"form_token": "x"}'),
    "broken json": ("application/json", b"{"),
    "multipart": (
        MULTIPART,
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--x--',
    ),
    "multipart with a file": (
        MULTIPART,
        b'--x\r\nContent-Disposition: form-data; name="form_token"; filename="a"\r\n\r\na\r\n--x--',
    ),
    "multipart of escapes": (
        f"{MULTIPART}; charset=raw_unicode_escape",
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\\ud800\r\n--x--',
    ),
    "multipart without an end": (MULTIPART, b"--x\r\n"),
    "multipart without a boundary": ("multipart/form-data", b"x"),
    "text": ("text/plain", b"form_token=x"),
    "no type at all": ("", b"form_token=x"),
    "a type that is none": (";;;=,", b"x"),
    "xml": ("application/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
}


def client_for(guarded: Guarded, address: Address) -> TestClient:
    """A browser of an admin; one that nobody has signed in with where nobody needs to."""
    return guarded.enter(address, Role.ADMIN if address.right else None)[0]


@pytest.mark.parametrize("method", ODD)
@pytest.mark.asvs("4.1.4")
def test_odd_methods_are_refused(guarded: Guarded, method: str) -> None:
    """By every address: 405 with what is allowed; nothing is reflected as TRACE would."""
    for address in ADDRESSES:
        taken = {each.method for each in ADDRESSES if each.path == address.path}
        if method in taken:
            continue
        client = client_for(guarded, address)
        answer = client.request(method, address.at(), headers={"x-canary": "reflected"})
        assert answer.status_code == 405, str(address)
        assert set(answer.headers["allow"].split(", ")) <= taken, str(address)
        assert "reflected" not in answer.text, str(address)


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Method-Override", "_method"])
@pytest.mark.asvs("3.5.3", "4.1.4")
def test_no_header_makes_another_method_of_it(guarded: Guarded, override: str) -> None:
    """A GET stays a GET."""
    client, token = guarded.begin(Role.ADMIN)
    path = f"{ROOT}/{OWN}/sync"
    headers = {override: "POST", "x-form-token": token}
    answer = client.get(path, headers=headers, params={"_method": "POST"})
    assert answer.status_code in (404, 405)
    assert not guarded.woken


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.asvs("2.2.1", "2.2.2")
def test_broken_bodies_are_refused(guarded: Guarded, broken: str) -> None:
    """By every form, with a status that says so, and nothing changed."""
    kind, body = BROKEN[broken]
    headers = {"content-type": kind} if kind else {}
    clients = [client_for(guarded, address) for address in PAGE_FORMS]
    before = guarded.rows()
    for address, client in zip(PAGE_FORMS, clients, strict=True):
        answer = client.post(address.at(), content=body, headers=headers)
        assert answer.status_code in (400, 401, 403, 415, 422), (str(address), answer.text)
        after = guarded.rows()
        # a name and a password that are text are a try to sign in
        assert answer.status_code == 401 or after == before, str(address)
        before = after
        if not kind.startswith(FORM) and kind:
            assert answer.status_code == 415, str(address)


@pytest.mark.asvs("2.2.1")
def test_long_bodies_are_refused(guarded: Guarded) -> None:
    """By every form, whatever length they say, and wherever the network cuts them."""
    headers = {"content-type": FORM}
    long = b"a=" + b"b" * BODY_BYTES_MAX

    def parts() -> object:
        for start in range(0, len(long), 1_000):
            yield long[start : start + 1_000]

    for address in PAGE_FORMS:
        client = client_for(guarded, address)
        for sent in (long, parts()):
            answer = client.post(address.at(), content=sent, headers=headers)
            assert answer.status_code == 413, str(address)


@pytest.mark.asvs("2.2.1")
def test_a_character_that_is_cut_in_two_is_found(guarded: Guarded) -> None:
    """The bound of a part is no way around."""

    def parts() -> object:
        yield b"name=a%"
        yield b"0"
        yield b"0b&password=x"

    headers = {"content-type": FORM}
    assert guarded.client().post(SIGN_IN_PATH, content=parts(), headers=headers).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/%ff%fe",
        "/%0d%0aSet-Cookie:%20a=b",
        "/%e2%80%ae",
        "//evil.example.com",
        "//evil.example.com/%2e%2e",
        "/\\evil.example.com",
        f"{ROOT}/%0d%0aLocation:%20evil",
        f"{ROOT}/{OWN}%0d%0a",
        f"{ROOT}/{OWN}/%2e%2e/2",
        f"{ROOT}?next=//evil.example.com",
        f"{SIGN_IN_PATH}?next=//evil.example.com",
    ],
)
@pytest.mark.asvs("3.7.2")
def test_odd_addresses_lead_nowhere_else(guarded: Guarded, path: str) -> None:
    """No header is put into the answer, and no answer leads to another host."""
    client, _ = guarded.begin(Role.ADMIN)
    for browser in (client, guarded.client()):
        answer = browser.get(path)
        assert answer.status_code in (200, 303, 404)
        assert answer.headers.get("location", "/").startswith("/")
        assert not answer.headers.get("location", "/").startswith("//")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("url", ["", "https://books.example.com"])
@pytest.mark.asvs("4.1.3")
def test_no_host_or_proxy_is_believed(guarded: Guarded, url: str) -> None:
    """Whoever asks could say so: nothing of these headers shows in an answer or counts."""
    forged = {
        "host": "evil.example.com",
        "x-forwarded-host": "evil.example.com",
        "x-forwarded-proto": "gopher",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-prefix": "/evil.example.com",
        "x-original-url": f"{ROOT}/2",
        "x-rewrite-url": f"{ROOT}/2",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9;host=evil.example.com;proto=gopher",
    }
    other = Guarded(place_at("", guarded.engine, dashboard_url=url))
    for path in ("/", ROOT, SIGN_IN_PATH, f"{SIGN_IN_PATH}/", "/nothing", f"{ROOT}/{OWN}"):
        answer = other.client().get(path, headers=forged)
        shown = f"{answer.text} {answer.headers}"
        assert "evil" not in shown
        assert "gopher" not in shown
        assert "203.0.113.9" not in shown


@pytest.mark.asvs("4.1.3", "6.3.1")
def test_tries_are_counted_by_where_they_come_from(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by where a header says."""
    form = {"name": "nobody", "password": "x"}
    with caplog.at_level(logging.INFO, "dashboard.security"):
        headers = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}
        guarded.client().post(SIGN_IN_PATH, data=form, headers=headers)
    assert "signing in failed" in caplog.text
    assert "203.0.113.9" not in caplog.text


@pytest.mark.parametrize("forged", ["\r\n", "\n", "\x1b[2J", "\x85", "\u2028", "\x7f", "\u202e"])
@pytest.mark.asvs("16.4.1")
def test_no_line_of_the_log_can_be_forged(
    guarded: Guarded, caplog: pytest.LogCaptureFixture, forged: str
) -> None:
    """By a name, an address or a form: what is typed stays on its line (ASVS 16.4.1)."""
    words = f"a{forged}CRITICAL all is well"
    client, _ = guarded.begin(Role.VIEWER)
    client.headers["authorization"] = f"Bearer {guarded.token(Role.VIEWER)}"
    with caplog.at_level(logging.INFO, "dashboard"):
        guarded.client().post(SIGN_IN_PATH, data={"name": words, "password": "x"})
        guarded.client().post(SIGN_IN_PATH, data={"name": "x", "password": words})
        for address in ADDRESSES:
            path = address.at(OWN, quote(words))
            send = {"data": {"form_token": words}, "headers": {"origin": HOME}}
            client.request(address.method, path, **({} if address.method == "GET" else send))
    for record in caplog.records:
        assert record.getMessage().isprintable(), record.getMessage()


@pytest.mark.asvs("16.3.2", "16.4.1")
def test_who_is_refused_is_logged_on_one_line(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """With who it was, and where."""
    client, token = guarded.begin(Role.VIEWER)
    refused = [each for each in ADDRESSES if each.right not in (None, "see") and not each.is_api]
    for address in refused:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "dashboard.security"):
            path = address.at(OWN, quote("a\r\nb"))
            client.request(
                address.method,
                path,
                **({"data": {"form_token": token}} if address.method == "POST" else {}),
            )
        (line,) = [each.getMessage() for each in caplog.records]
        assert line.startswith("refused: viewer (viewer) may not")
        assert line.isprintable()


@pytest.mark.asvs("2.2.3")
def test_duplicated_fields_are_one(guarded: Guarded) -> None:
    """The same one for whoever checks the form and for whoever uses it: the last."""
    client, token = guarded.begin(Role.OPERATOR)
    headers = {"content-type": FORM, "origin": HOME}
    path = f"{ROOT}/{OWN}/sync"
    for first, second, status in ((token, "x", 403), ("x", token, 303)):
        body = f"form_token={first}&form_token={second}"
        assert client.post(path, content=body, headers=headers).status_code == status
    body = f"name=nobody&name={Role.VIEWER}&password=x&password={PASSWORD.replace(' ', '+')}"
    answer = guarded.client().post(SIGN_IN_PATH, content=body, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "session=\xff\xfe"},
        {"cookie": "session=a; session=b; " + "x=y; " * 500},
        {"cookie": ";;;==;"},
        {"authorization": "Bearer \xff"},
        {"authorization": "Basic " + "a" * 5_000},
        {"origin": "\xff"},
        {"origin": "http://[::1"},
        {"x-form-token": "\xff\xfe"},
        {"content-type": "\xff"},
        {"accept": "../../etc/passwd"},
        {"range": "bytes=-1,5-2,x"},
        {"content-length": "5"},
        {"hx-request": "true", "hx-target": "<script>"},
    ],
    ids=lambda headers: f"{headers}"[:40],
)
@pytest.mark.asvs("2.2.2")
def test_odd_headers_are_borne(guarded: Guarded, headers: dict[str, str]) -> None:
    """By every address."""
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    for address in ADDRESSES:
        client, token = guarded.enter(address, Role.ADMIN if "cookie" not in headers else None)
        if address.method == "GET":
            answer = client.get(address.at(), headers=encoded)
        else:
            sent = {"content-type": FORM.encode(), **encoded}
            body = f"form_token={token[:5]}"
            answer = client.request(address.method, address.at(), content=body, headers=sent)
        assert answer.status_code < 500, (str(address), answer.text)
