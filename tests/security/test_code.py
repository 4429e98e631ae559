"""What holds in the code as a whole: which cryptography it uses, and how it goes out to others."""

from __future__ import annotations

import ast
import base64
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.quickbooks.endpoints import endpoints
from connectors.quickbooks.oauth import AppKeys, IntuitOAuth
from connectors.quickbooks.vault import TokenKind, Vault, new_key
from connectors.state import api_tokens, sessions
from models.errors import RemoteError

#: One worker parses the files.
pytestmark = pytest.mark.xdist_group("code")

REPOSITORY = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("models", "connectors", "tasks", "flows", "deployments", "dashboard")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
] + sorted(REPOSITORY.glob("cli*.py"))
#: Where bits are turned into other bits that mean something: the standard library, and these.
CRYPTOGRAPHY = {"cryptography", "argon2"}
OTHERS = {"Crypto", "Cryptodome", "nacl", "rsa", "ecdsa", "passlib", "bcrypt", "jwt", "pyaes"}
#: What of `cryptography` is used: authenticated encryption, and signatures of the log's end.
PARTS = {
    "cryptography.fernet",
    "cryptography.exceptions",
    "cryptography.hazmat.primitives",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
}
#: A text that says so is a key: of Intuit, Amazon, GitHub or Slack, or a private one.
KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|xox[baprs]-\w{10,}"
)


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """What the program imports, calls and names, with the file that does."""
    wanted = (ast.Import, ast.ImportFrom, ast.Call, ast.keyword, ast.Attribute)
    return [
        (path.relative_to(REPOSITORY).as_posix(), node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, wanted)
    ]


def imported() -> dict[str, set[str]]:
    """Module -> the files that import it."""
    found: dict[str, set[str]] = {}
    for name, node in nodes():
        modules = []
        if isinstance(node, ast.Import):
            modules = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        for module in modules:
            found.setdefault(module, set()).add(name)
    return found


@pytest.mark.asvs("11.2.1", "11.3.1", "11.3.2")
def test_cryptography_is_that_of_known_libraries() -> None:
    """Nothing home-made, no block modes and paddings by hand: Fernet, Ed25519, argon2id, HMAC."""
    modules = imported()
    roots = {each.partition(".")[0] for each in modules}
    assert roots >= CRYPTOGRAPHY
    assert not roots & OTHERS
    assert {each for each in modules if each.startswith("cryptography")} <= PARTS
    sealed = Vault([new_key()]).seal(1, TokenKind.ACCESS, "a token")
    # version 0x80 of Fernet is AES-128 in CBC mode, authenticated with HMAC-SHA256 over all of it
    assert sealed.startswith("gAAAAA")


@pytest.mark.asvs("11.3.3", "tokens")
def test_a_sealed_token_bears_no_other_bit() -> None:
    """Every bit of it is covered: whichever flips, it opens no more."""
    key = new_key()
    sealed = Fernet(key).encrypt(b"a token")
    raw = bytearray(base64.urlsafe_b64decode(sealed))
    for place in range(len(raw)):
        for bit in range(8):
            raw[place] ^= 1 << bit
            with pytest.raises(InvalidToken):
                Fernet(key).decrypt(base64.urlsafe_b64encode(raw))
            raw[place] ^= 1 << bit


@pytest.mark.asvs("11.4.1")
def test_hashes_are_sha_256() -> None:
    """No other function of hashlib is called, and HMAC is over the same."""
    called = {
        node.attr
        for _, node in nodes()
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "hashlib"
    }
    assert called == {"sha256", "file_digest"}
    names = [
        node.args[-1].value
        for _, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (ast.unparse(node.func) in ("hmac.digest", "hashlib.file_digest"))
        and isinstance(node.args[-1], ast.Constant)
    ]
    assert set(names) == {"sha256"}


@pytest.mark.asvs("11.5.1", "7.2.3")
def test_what_nobody_may_guess_is_drawn_by_the_system() -> None:
    """From the `secrets` module, with 256 bits; `random` only draws how long a wait is."""
    modules = imported()
    assert modules["random"] == {"connectors/quickbooks/client.py"}
    assert "random.SystemRandom" in (REPOSITORY / "connectors/quickbooks/client.py").read_text()
    assert "numpy.random" not in modules
    for number in (sessions._NUMBER_BYTES, api_tokens._BYTES):
        assert number * 8 >= 128


@pytest.mark.asvs("12.3.2", "15.3.2", "12.3.1")
def test_no_call_goes_out_unverified_or_elsewhere() -> None:
    """Nobody switches certificates off, and each request to Intuit says that it stays there."""
    for name, node in nodes():
        if isinstance(node, ast.keyword) and node.arg == "verify":
            assert not (isinstance(node.value, ast.Constant) and node.value.value is False), name
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("CERT_NONE", "_create_unverified_context"), name
        if isinstance(node, ast.keyword) and node.arg in ("allow_redirects", "follow_redirects"):
            assert isinstance(node.value, ast.Constant), name
            assert node.value.value is False, name
    outward = {name for name in imported()["requests"] if not name.startswith("deployments/demo")}
    for name in outward:
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        asks = re.search(r"\.(get|post|request)\(", text) and "Session" in text
        assert not asks or "allow_redirects" in text, name


@contextmanager
def somebody_elses(folder: Path) -> Iterator[str]:
    """A server with a certificate that nobody vouches for; its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    both = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + made.public_bytes(serialization.Encoding.PEM)
    (folder / "own.pem").write_bytes(both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    there, _ = listener.accept()
                    with suppress(OSError), context.wrap_socket(there, server_side=True) as told:
                        told.recv(1_000)
                        told.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        threading.Thread(target=answer, daemon=True).start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.asvs("12.3.2", "16.3.4")
def test_a_certificate_that_nobody_vouches_for_ends_the_call(tmp_path: Path) -> None:
    """Before anything is said, and it is told what is wrong with the connection."""
    with somebody_elses(tmp_path) as url:
        places = endpoints("sandbox", url, f"{url}/openid")
        with pytest.raises(RemoteError, match=r"(?i)certificate|connection") as raised:
            IntuitOAuth(places, AppKeys("the-app", "secret-canary")).refresh("refresh-canary")
    assert "canary" not in str(raised.value)


@pytest.mark.asvs("13.3.1")
def test_no_secret_is_in_the_repository() -> None:
    """Neither a key by its looks nor a file in which one is kept."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.split()
    for name in listed:
        assert not re.search(r"(^|/)\.env$|\.(pem|key|p12|pfx)$", name), name
        path = REPOSITORY / name
        if path.suffix in (".py", ".md", ".toml", ".yaml", ".txt", ".env", ".html", ".js"):
            text = path.read_text(encoding="utf-8")
            assert path == Path(__file__) or not KEY.search(text), name
