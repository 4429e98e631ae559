"""Files: the library's odd multipart, correct multipart, temporary addresses, refusals."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from emulator_books import Client, plain_get, refusal
from quickbooks import QuickBooks
from quickbooks.objects import Attachable, AttachableRef
from quickbooks.objects.base import Ref

from emulator.testing import RunningEmulator

RECEIPT = b"%PDF-1.4\n\r\n--not a boundary\r\n\x00\xff" * 3


def attached_to(kind: str, record_id: str) -> AttachableRef:
    made = AttachableRef()
    made.EntityRef = Ref()
    made.EntityRef.type, made.EntityRef.value = kind, record_id
    return made


def test_the_library_uploads_and_finds(library: QuickBooks) -> None:
    made = Attachable()
    made.FileName, made.ContentType = "receipt.pdf", "application/pdf"
    made.AttachableRef.append(attached_to("Bill", "20"))
    made._FileBytes = RECEIPT
    saved = made.save(qb=library)
    assert len(saved.Id) == 19
    assert (saved.Size, saved.ContentType) == (len(RECEIPT), "application/pdf")
    assert saved.FileAccessUri.endswith(f"/download/{saved.Id}")
    assert plain_get(saved.TempDownloadUri).content == RECEIPT
    mine = "AttachableRef.EntityRef.Type = 'bill' AND AttachableRef.EntityRef.value = '20'"
    assert [row.Id for row in Attachable.where(mine, qb=library)] == [saved.Id]
    other = mine.replace("'20'", "'21'")
    assert Attachable.where(other, qb=library) == []
    saved.AttachableRef = []
    saved.Note = "moved"
    assert saved.save(qb=library).AttachableRef == []
    saved.SyncToken = "1"
    saved.delete(qb=library)
    assert plain_get(saved.TempDownloadUri).status_code == 404


def test_the_library_uploads_a_file_with_line_ends_of_its_own(
    library: QuickBooks, tmp_path: Any
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n\r\n\xff,1\r\n")
    made = Attachable()
    made.FileName, made.ContentType, made._FilePath = "a.csv", "text/csv", str(path)
    saved = made.save(qb=library)
    assert plain_get(saved.TempDownloadUri).content == path.read_bytes()


def upload(client: Client, *files: Any) -> httpx.Response:
    return client.http.post(f"{client.company_url}/upload", files=list(files))


def metadata(number: str, **values: Any) -> Any:
    return (f"file_metadata_{number}", (None, json.dumps(values), "application/json"))


def content(number: str, name: str, data: bytes = RECEIPT) -> Any:
    return (f"file_content_{number}", (name, data, "application/pdf"))


def test_several_files_and_a_bad_one(client: Client) -> None:
    owner = {"EntityRef": {"type": "Invoice", "value": "999"}}
    response = upload(
        client,
        metadata("01", FileName="one.pdf", ContentType="application/pdf"),
        content("01", "ignored.pdf"),
        metadata("02", FileName="two.pdf", AttachableRef=[owner]),
        content("02", "two.pdf"),
        content("03", "three.exe"),
        content("04", "four.pdf", b"4"),
    )
    assert response.status_code == 200
    first, second, third, fourth = response.json()["AttachableResponse"]
    assert first["Attachable"]["FileName"] == "one.pdf"
    assert second["Fault"]["Error"][0]["code"] == "2500"
    assert third["Fault"]["Error"][0]["code"] == "6041"
    assert fourth["Attachable"]["ContentType"] == "application/pdf"
    assert len(client.running.company.files) == 2
    assert plain_get(first["Attachable"]["TempDownloadUri"]).content == RECEIPT


def test_a_download_answers_with_an_address_that_dies(client: Client) -> None:
    made = upload(client, content("01", "a.pdf")).json()["AttachableResponse"][0]["Attachable"]
    response = client.get(f"download/{made['Id']}")
    assert response.headers["content-type"].startswith("text/plain")
    found = plain_get(response.text)
    assert (found.content, found.headers["content-type"]) == (RECEIPT, "application/pdf")
    assert plain_get(response.text.replace("Expires=1", "Expires=2")).status_code == 403
    assert plain_get(response.text.partition("?")[0]).status_code == 403
    client.running.clock.advance(16 * 60)
    assert plain_get(response.text).status_code == 403
    again = client.read("Attachable", made["Id"])["TempDownloadUri"]
    assert plain_get(again).content == RECEIPT
    assert refusal(client.get("download/1"))["code"] == "610"


def test_what_is_no_upload(client: Client) -> None:
    url = f"{client.company_url}/upload"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    cases = {
        b"": "2020",
        b"--x\r\n\r\n\r\n--x--": "2020",
        b'--x\nContent-Disposition: form-data; name="file_metadata_01"\n\n{\n--x--': "2010",
        b'--x\nContent-Disposition: form-data; name="file_metadata_01"\n\n[1]\n--x--': "2010",
        b'--x\nContent-Disposition: form-data; name="file_content_01"\n'
        b"Content-Transfer-Encoding: base64\n\n?\n--x--": "2090",
    }
    for body, code in cases.items():
        assert refusal(client.http.post(url, content=body, headers=kind))["code"] == code
    assert refusal(client.http.post(url, content=b"x"))["code"] == "500"


def test_too_large(client: Client) -> None:
    client.running.emulator.options.upload_limit = 100
    assert refusal(upload(client, content("01", "a.pdf")))["code"] == "6050"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "2020"),
        ({"FileName": "a.exe"}, "6041"),
        ({"Note": "n", "AttachableRef": [{"EntityRef": {"type": "Moon", "value": "1"}}]}, "2170"),
        ({"Note": "n", "AttachableRef": [{"EntityRef": {"type": "Bill", "value": "9"}}]}, "2500"),
        ({"Note": "n", "Category": "Thing"}, "2170"),
    ],
)
def test_a_note_is_refused(client: Client, body: dict[str, Any], code: str) -> None:
    assert refusal(client.post("attachable", body))["code"] == code


def test_deleting_a_purchase_leaves_its_attachments(
    client: Client, running: RunningEmulator
) -> None:
    owner = [{"EntityRef": {"type": "purchase", "value": "23"}}]
    made = client.save("Attachable", {"Note": "n", "AttachableRef": owner})
    assert made["AttachableRef"][0] == {
        "EntityRef": {"type": "Purchase", "value": "23"},
        "IncludeOnSend": False,
    }
    client.delete("Purchase", "23")
    assert client.read("Attachable", made["Id"])["AttachableRef"] == made["AttachableRef"]
