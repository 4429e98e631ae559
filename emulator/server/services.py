"""What hangs on a company beside its entities: reports, files, the tax service, PDF and e-mail.

Source: dossier sections 2 (paths), 3.6 (who can be sent and printed), 10.6 (upload and download);
the recorded upload replies (a fault stands inside AttachableResponse, with HTTP 200).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import exact_json, faults
from emulator.attachments import (
    Upload,
    admitted,
    check_size,
    read_uploads,
    store_file,
    temporary_url,
)
from emulator.clock import stamp
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from emulator.presenting import shown
from emulator.reports import run_report
from emulator.server.answers import JSON_TYPE, Answer
from emulator.writing import pipeline
from emulator.writing.tax_service import create_tax_code

if TYPE_CHECKING:
    from emulator.company import Company, Record
    from emulator.emulator import Emulator
    from emulator.entities.declaration import Entity
    from emulator.server.call import Call
    from emulator.writing.pipeline import WriteContext

PRINTED = frozenset(
    {"Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt", "Payment"}
)
SENT = PRINTED | {"PurchaseOrder"}
SERVICES = frozenset({"reports", "upload", "download", "taxservice"})


def serve(company: Company, call: Call, context: WriteContext) -> Record | Answer:
    """Answer a call to one of the services."""
    tail = [segment.lower() for segment in call.segments[1:]]
    if call.verb == "reports" and call.method == "GET" and len(tail) == 1:
        report = run_report(company, tail[0], call.parameters)
        return Answer(200, exact_json.dumps(report), JSON_TYPE)
    if call.verb == "upload" and call.method == "POST" and not tail:
        return _upload(company, call, context)
    if call.verb == "download" and call.method == "GET" and len(tail) == 1:
        return _download(company, tail[0])
    if call.verb == "taxservice" and call.method == "POST" and tail == ["taxcode"]:
        return create_tax_code(company, call.body, context.author, context.request_id)
    raise faults.unsupported("/".join(call.segments))


def _upload(company: Company, call: Call, context: WriteContext) -> Record:
    check_size(len(call.content), company.options.upload_limit)
    answers: list[dict[str, Any]] = []
    for upload in read_uploads(call.content, call.boundary):
        try:
            answers.append({"Attachable": _attach(company, upload, context)})
        except QuickBooksFault as refusal:
            answers.append({"Fault": refusal.body()})
    return {"AttachableResponse": answers}


def _attach(company: Company, upload: Upload, context: WriteContext) -> Record:
    entity = ENTITIES["Attachable"]
    if not upload.metadata.get("FileName"):
        raise faults.missing("FileName")
    saved = pipeline.save(company, entity, upload.metadata, context)
    stored = store_file(company, str(saved["Id"]), upload.content, company.base_url)
    return shown(company, entity, stored)


def _download(company: Company, attachment_id: str) -> Answer:
    if attachment_id not in company.files:
        raise faults.not_found()
    address = temporary_url(company, attachment_id, company.base_url)
    return Answer(200, address.encode(), "text/plain;charset=UTF-8")


def file_of(emulator: Emulator, realm_id: str, attachment_id: str, query: dict[str, str]) -> Answer:
    """Return the bytes behind a temporary address, which needs no token."""
    company = emulator.companies.get(realm_id)
    expires, signature = query.get("Expires", ""), query.get("Signature", "")
    now = emulator.clock.now()
    if company is None or not admitted(realm_id, attachment_id, expires, signature, now):
        return Answer(403, b"Request has expired", "text/plain;charset=UTF-8")
    record = company.get("Attachable", attachment_id)
    if record is None or attachment_id not in company.files:
        return Answer(404, b"No such file", "text/plain;charset=UTF-8")
    kind = str(record.get("ContentType") or "application/octet-stream")
    return Answer(200, company.files[attachment_id], kind)


def printed(company: Company, entity: Entity, record_id: str) -> Answer:
    """Return a form as a PDF, a page with its name and number on it."""
    if entity.name not in PRINTED:
        raise faults.unsupported(f"pdf {entity.name}")
    record = pipeline.read(company, entity, record_id)
    words = f"{entity.title} {record.get('DocNumber', record_id)} {record.get('TotalAmt', '')}"
    return Answer(200, _pdf(words), "application/pdf")


def _pdf(words: str) -> bytes:
    """Return the smallest page that readers of PDF accept."""
    safe = "".join(letter for letter in words if letter.isascii() and letter not in "()\\")
    drawing = f"BT /F1 18 Tf 72 720 Td ({safe}) Tj ET"
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    page = (
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        f"/Resources<</Font<</F1 {font}>>>>>>"
    )
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        f"<</Length {len(drawing)}>>\nstream\n{drawing}\nendstream",
    ]
    text, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    tail = f"trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{len(text)}\n%%EOF\n"
    return f"{text}xref\n0 {count}\n0000000000 65535 f \n{table}{tail}".encode("ascii")


def send(company: Company, entity: Entity, call: Call, context: WriteContext) -> Record:
    """Mail a form: note where to and when, and return the form."""
    if entity.name not in SENT:
        raise faults.unsupported(f"send {entity.name}")
    record = pipeline.read(company, entity, call.segments[1])
    address = call.parameters.get("sendTo") or (record.get("BillEmail") or {}).get("Address")
    if not address:
        raise faults.missing("BillEmail")
    delivery = {"DeliveryType": "Email", "DeliveryTime": stamp(company.clock.now())}
    values: Record = {"DeliveryInfo": delivery}
    if "EmailStatus" in entity.fields:
        values["EmailStatus"] = "EmailSent"
    if "BillEmail" in entity.fields:
        values["BillEmail"] = {"Address": address}
    with company.atomic():
        company.bump(entity.name, str(record["Id"]), **values)
        company.write_journal(
            context.author,
            (entity.name, str(record["Id"])),
            "email",
            request_id=context.request_id,
            body={"sendTo": address},
        )
    return company.records[entity.name][str(record["Id"])]
