"""Files: read from an upload, kept by the company, handed out again under a short-lived address.

An upload is multipart: pairs of `file_metadata_NN` (the Attachable as JSON, may be left out) and
`file_content_NN`. python-quickbooks writes the parts with bare line feeds, a line feed before the
first boundary, and the content as base64; both that and correct CRLF multipart are read here.
The temporary address lives fifteen minutes and needs no token.
Source: dossier sections 2 (download), 8.1 (6041, 6050), 10.6 and 11 (the library's multipart); the
recorded upload replies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from emulator import exact_json, faults

if TYPE_CHECKING:
    from datetime import datetime

    from emulator.company import Company, Record

_EXTENSIONS = "ai csv doc docx eps gif jpeg jpg ods pdf png rtf tif txt xls xlsx xml"
EXTENSIONS = frozenset(_EXTENSIONS.split())
LIFETIME = timedelta(minutes=15)
_SECRET = secrets.token_bytes(32)
_PART_NAME = re.compile(r'name="?file_(metadata|content)_?(\w*)"?', re.IGNORECASE)
_FILE_NAME = re.compile(r'filename="?([^";\r\n]*)"?', re.IGNORECASE)


@dataclass
class Upload:
    """One file of an upload, with what the client says about it."""

    metadata: Record
    content: bytes


def check_extension(file_name: str) -> None:
    """Refuse a file of a kind that QuickBooks does not take (6041)."""
    extension = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    if extension not in EXTENSIONS:
        raise faults.QuickBooksFault(
            "6041",
            "Unsupported File Type",
            f"The file type {extension or 'none'} of {file_name} is not supported.",
            "FileName",
        )


def check_size(size: int, limit: int) -> None:
    """Refuse an upload that is too large (6050)."""
    if size > limit:
        raise faults.QuickBooksFault(
            "6050",
            "File Size Exceeded",
            f"The upload has {size} bytes; the maximum is {limit} bytes.",
        )


def read_uploads(content: bytes, boundary: str) -> list[Upload]:
    """Return the files of a multipart body, in the order of their numbers."""
    if not boundary:
        raise faults.unsupported("upload without a multipart boundary")
    found: dict[str, Upload] = {}
    for part in _parts(content, boundary.encode()):
        head, body = part
        name = _PART_NAME.search(head.get("content-disposition", ""))
        if name is None:
            continue
        upload = found.setdefault(name.group(2), Upload({}, b""))
        if name.group(1).lower() == "metadata":
            upload.metadata = {**upload.metadata, **_metadata(body)}
        else:
            upload.content = _decoded(head, body)
            given = _FILE_NAME.search(head.get("content-disposition", ""))
            if given is not None:
                upload.metadata.setdefault("FileName", given.group(1))
            if "content-type" in head:
                upload.metadata.setdefault("ContentType", head["content-type"].strip())
    if not found:
        raise faults.missing("file_content_01")
    return [found[number] for number in sorted(found)]


def _parts(content: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Split a multipart body into headers and bytes, whatever its line ends."""
    parts = []
    for piece in re.split(rb"(?:^|\r?\n)--" + re.escape(boundary), content)[1:]:
        if piece.startswith(b"--"):
            break
        head, _, body = piece.lstrip(b"\r\n").replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
        headers = {}
        for line in head.decode("utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        parts.append((headers, body))
    return parts


def _metadata(body: bytes) -> Record:
    try:
        metadata = exact_json.loads(body.strip())
    except ValueError as error:
        raise faults.unreadable_json() from error
    if not isinstance(metadata, dict):
        raise faults.unreadable_json()
    return metadata


def _decoded(head: dict[str, str], body: bytes) -> bytes:
    if head.get("content-transfer-encoding", "").lower() != "base64":
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise faults.bad_value("file_content", "no base64") from error


def store_file(company: Company, attachment_id: str, content: bytes, base_url: str) -> Record:
    """Keep the bytes of a file and return its attachment as it is served from now on."""
    company.files[attachment_id] = content
    path = f"/v3/company/{company.realm_id}/download/{attachment_id}"
    values = {
        "FileAccessUri": path,
        "TempDownloadUri": temporary_url(company, attachment_id, base_url),
        "Size": len(content),
    }
    company.amend("Attachable", attachment_id, **values)
    return company.records["Attachable"][attachment_id]


def temporary_url(company: Company, attachment_id: str, base_url: str) -> str:
    """Return an address of a file that needs no token and lives fifteen minutes."""
    expires = int((company.clock.now() + LIFETIME).timestamp())
    signature = _sign(company.realm_id, attachment_id, expires)
    path = f"/_files/{company.realm_id}/{attachment_id}"
    return f"{base_url}{path}?Expires={expires}&Signature={signature}"


def _sign(realm_id: str, attachment_id: str, expires: int) -> str:
    message = f"{realm_id}/{attachment_id}/{expires}".encode()
    return hmac.new(_SECRET, message, hashlib.sha256).hexdigest()[:32]


def admitted(
    realm_id: str, attachment_id: str, expires: str, signature: str, now: datetime
) -> bool:
    """Say whether a temporary address is genuine and still alive."""
    if not expires.isdecimal():
        return False
    genuine = hmac.compare_digest(_sign(realm_id, attachment_id, int(expires)), signature)
    return genuine and now.timestamp() <= int(expires)
