"""Customers and accounts, as a browser without script uses them."""

from __future__ import annotations

import re

import pytest

from tests.integration.web.browser import Answer, Browser

ACCOUNT = "/accounts/ACC-1"


async def create(owner: Browser, **changes: str) -> Answer:
    """Send the form of a new customer."""
    form = {"name": "Northwind Labs", "email": "billing@northwind.example", "id": "CUS-1", "account_id": "ACC-1"}
    return await owner.post("/customers", {**form, "currency": "USD", "settings.FirstPromoterTid": "tid_1", **changes})


@pytest.fixture
async def desk(owner: Browser) -> Browser:
    """The owner's browser, with a customer."""
    assert (await create(owner)).header("location") == "/customers/CUS-1"
    return owner


async def invoice(desk: Browser, **changes: str) -> str:
    """A new invoice; its id."""
    form = {"description.0": "Growth", "net.0": "2,499.00", "tax.0": "100", "start": "2026-11-01", "end": "2026-11-30"}
    assert (await desk.post(f"{ACCOUNT}/invoices", {**form, "status": "DUE", **changes})).status == 303
    return (await desk.hub.billing.invoices.find()).items[0].id


async def test_an_empty_list_says_what_to_do(owner: Browser) -> None:
    assert "No customer yet" in (await owner.get("/customers")).words


async def test_a_new_customer_has_an_account_with_its_settings(desk: Browser) -> None:
    account = await desk.hub.billing.accounts.get("ACC-1")
    assert (account.currency, account.email) == ("USD", "billing@northwind.example")
    assert [(one.id, one.value) for one in account.settings] == [("FirstPromoterTid", "tid_1")]
    words = (await desk.get("/customers")).words
    assert "Northwind Labs CUS-1 · billing@northwind.example" in words


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": "No"}, "name", "at least 3 characters"),
        ({"email": "nobody"}, "email", "Must be an e-mail address"),
        ({"currency": "XXY"}, "currency", "not an ISO 4217"),
        ({"id": ""}, "id", "at least 1 character"),
        ({"account_id": "a/b"}, "account_id", "no slash"),
    ],
)
async def test_what_is_wrong_is_said_at_the_field(
    owner: Browser, changes: dict[str, str], field: str, said: str
) -> None:
    answer = await create(owner, **changes)
    assert answer.status == 422
    assert said in answer.words
    assert re.search(rf'id="f-{field}"[^>]*aria-invalid="true"', answer.text)
    assert 'value="tid_1"' in answer.text


async def test_ids_in_use_are_said_at_the_right_one_of_both(desk: Browser) -> None:
    customer = await create(desk, account_id="ACC-2")
    assert re.search(r'id="f-id"[^>]*aria-invalid', customer.text)
    account = await create(desk, id="CUS-2")
    assert re.search(r'id="f-account_id"[^>]*aria-invalid', account.text)


async def test_search_finds_by_name_e_mail_and_ids(desk: Browser) -> None:
    await create(desk, name="Copperfield", email="x@copper.example", id="CUS-2", account_id="ACC-2")
    await desk.get("/customers")
    for text in ("north", "billing@northwind", "CUS-1", "ACC-1"):
        words = (await desk.get(f"/customers?q={text}")).words
        assert "Northwind Labs" in words
        assert "Copperfield" not in words
    assert "Nobody matches “zeppelin”" in (await desk.get("/customers?q=zeppelin")).words
    assert "/accounts/ACC-2" in (await desk.get("/search?q=copper")).text


async def test_long_lists_go_by_pages_and_keep_the_search(owner: Browser) -> None:
    for number in range(26):
        await create(owner, id=f"CUS-{number}", account_id=f"ACC-{number}", name=f"Customer {number:02}")
    first = await owner.get("/customers?q=customer")
    assert "Customer 00" not in first.words
    older = re.findall(r'href="(/customers\?q=customer[^"]+)" rel="next"', first.text)[0].replace("&amp;", "&")
    assert "Customer 00" in (await owner.get(older)).words


async def test_accounts_and_contacts_are_added(desk: Browser) -> None:
    form = {"account_id": "ACC-9", "name": "Northwind Japan", "currency": "JPY", "email": ""}
    assert (await desk.post("/customers/CUS-1/accounts", form)).header("location") == "/accounts/ACC-9"
    assert (await desk.post("/customers/CUS-1/accounts", form)).status == 422
    person = {"contact_name": "Priya Nair", "contact_email": "priya@northwind.example"}
    await desk.post("/customers/CUS-1/contacts", person)
    words = (await desk.get("/customers/CUS-1")).words
    assert "Northwind Japan" in words
    assert "Priya Nair" in words
    wrong = await desk.post("/customers/CUS-1/contacts", {**person, "contact_email": "nobody"})
    assert re.search(r'id="f-contact_email"[^>]*aria-invalid', wrong.text)


async def test_settings_show_every_id_and_are_edited(desk: Browser) -> None:
    page = await desk.get(f"{ACCOUNT}/settings")
    assert "CUS-1" in page.words
    assert 'value="tid_1"' in page.text
    await desk.post(f"{ACCOUNT}/settings", {"id": "CrmId", "value": "1"})
    full_id = "setting.USER.CrmId.ACCOUNT.ACC-1"
    await desk.post(f"{ACCOUNT}/settings/{full_id}", {"value": "2"})
    assert (await desk.hub.billing.settings.get(full_id)).value == "2"
    assert "is there already" in (await desk.post(f"{ACCOUNT}/settings", {"id": "CrmId", "value": "1"})).words
    await desk.post(f"{ACCOUNT}/settings/{full_id}/delete")
    assert "CrmId" not in (await desk.get(f"{ACCOUNT}/settings")).text


async def test_settings_of_others_are_out_of_reach(desk: Browser) -> None:
    await create(desk, id="CUS-2", account_id="ACC-2")
    answer = await desk.post(f"{ACCOUNT}/settings/setting.USER.FirstPromoterTid.ACCOUNT.ACC-2/delete")
    assert answer.status == 404


async def test_an_invoice_is_issued_with_exact_amounts(desk: Browser) -> None:
    await invoice(desk)
    words = (await desk.get(f"{ACCOUNT}/invoices")).words
    assert "$2,499.00 $100.00 $2,599.00" in words
    assert "Due" in words


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"net.0": "2499.001"}, "net-0", "more decimals than USD allows"),
        ({"net.0": "much"}, "net-0", "is not an amount"),
        ({"net.0": ""}, "net-0", "Say how much"),
        ({"description.0": ""}, "description-0", "at least 1 character"),
        ({"net.2": "-1", "description.2": "x"}, "net-2", "Must not be negative"),
        ({"end": "2026-10-01"}, "end", "Must not lie before"),
    ],
)
async def test_a_wrong_invoice_is_refused_at_the_field(
    desk: Browser, changes: dict[str, str], field: str, said: str
) -> None:
    form = {"description.0": "Growth", "net.0": "1", "start": "2026-11-01", "end": "2026-11-30", "status": "DUE"}
    answer = await desk.post(f"{ACCOUNT}/invoices", {**form, **changes})
    assert answer.status == 422
    assert said in answer.words
    assert re.search(rf'id="f-{field}"[^>]*aria-invalid="true"', answer.text)


async def test_an_invoice_is_paid_in_parts_and_never_too_much(desk: Browser) -> None:
    number = await invoice(desk)
    address = f"{ACCOUNT}/invoices/{number}/payments"
    form = {"amount": "2000", "source": "Bank", "type": "BANK_TRANSFER", "number": "B-1"}
    assert (await desk.post(address, form)).status == 303
    assert "Partly paid" in (await desk.get(f"{ACCOUNT}/invoices")).words
    too_much = await desk.post(address, {**form, "number": "B-2"})
    assert too_much.status == 422
    assert "more than is due" in too_much.words
    await desk.post(address, {**form, "number": "B-3", "amount": "599"})
    assert (await desk.hub.billing.invoices.get(number)).status == "PAID"


async def test_an_invoice_moves_only_as_it_may(desk: Browser) -> None:
    number = await invoice(desk)
    address = f"{ACCOUNT}/invoices/{number}/status"
    refused = await desk.post(address, {"to": "REFUND_COMPLETED"})
    assert refused.status == 422
    assert "cannot become REFUND_COMPLETED" in refused.words
    for status in ("PAID", "REFUND_INITIATED", "REFUND_COMPLETED"):
        assert (await desk.post(address, {"to": status})).status == 303
    assert "Refunded" in (await desk.get(f"{ACCOUNT}/invoices")).words
    assert (await desk.post(f"/accounts/ACC-2/invoices/{number}/status", {"to": "VOID"})).status == 404


async def test_the_timeline_tells_what_happened(desk: Browser) -> None:
    await invoice(desk, status="PAID")
    words = (await desk.get(f"{ACCOUNT}/timeline")).words
    for told in ("Invoice paid", "Invoice made"):
        assert words.index(told) < words.index("account.created")
    assert "Invoice paid" in (await desk.get(ACCOUNT)).words


async def test_what_does_not_exist_is_a_page(desk: Browser) -> None:
    for path in ("/customers/nobody", "/accounts/nobody", "/accounts/nobody/plans", "/accounts/nobody/invoices"):
        assert (await desk.get(path)).status == 404


async def test_an_analyst_sees_everything_and_changes_nothing(desk: Browser) -> None:
    await desk.desk.database.write(lambda connection: connection.exec_driver_sql("UPDATE people SET role = 'analyst'"))
    for path in ("/customers", "/customers/CUS-1", ACCOUNT, f"{ACCOUNT}/settings", f"{ACCOUNT}/plans"):
        page = await desk.get(path)
        assert page.status == 200
        assert not re.search("New customer|Add account|Add setting|Attach price plan", page.words)
    assert (await create(desk, id="CUS-2")).status == 403
    assert (await desk.post(f"{ACCOUNT}/settings", {"id": "CrmId", "value": "1"})).status == 403
