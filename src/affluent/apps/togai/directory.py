"""Actions on customers, accounts and their settings."""

from __future__ import annotations

from affluent.apps.togai.client import Ctx, at, document, pages, plain, read
from affluent.apps.togai.schemas import (
    AccountRecord,
    AccountRecords,
    AccountRef,
    AccountsPage,
    CustomerRecord,
    NewAccount,
    NewCustomer,
    NewSetting,
    SettingRecord,
    SettingRef,
)
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk import AlreadyApplied, Rejected

_EXISTS = (400, 409, 422)
"""Which of them a taken id is answered with is not documented, so each is followed by a look."""


async def get_account(ctx: Ctx, wanted: AccountRef) -> AccountRecord:
    """Read an account with its settings and aliases."""
    return account_record(await read(ctx, at("accounts", wanted.account_id)))


async def list_accounts(ctx: Ctx, wanted: AccountsPage) -> AccountRecords:
    """Read one page of accounts."""
    asked: dict[str, str | int] = {"pageSize": wanted.page_size}
    given = {"customer_id": wanted.customer_id, "status": wanted.status, "nextToken": wanted.next_token}
    asked |= {name: value for name, value in given.items() if value}
    page = await read(ctx, "/accounts", **asked)
    accounts = [account_record(item) for item in page.get("data") or []]
    return AccountRecords(accounts=accounts, next_token=page.get("nextToken") or "")


async def get_setting(ctx: Ctx, wanted: SettingRef) -> SettingRecord:
    """Read a setting; with a customer id, an account's missing setting is taken from its customer."""
    held = await _setting(ctx, wanted.entity_type, wanted.entity_id, wanted.setting_id)
    if held is None and wanted.customer_id and wanted.entity_type == "ACCOUNT":
        held = await _setting(ctx, "CUSTOMER", wanted.customer_id, wanted.setting_id)
    if held is not None:
        return setting_record(held)
    return SettingRecord(
        found=False, entity_type=wanted.entity_type, entity_id=wanted.entity_id, setting_id=wanted.setting_id
    )


async def save_setting(ctx: Ctx, new: NewSetting) -> SettingRecord:
    """Write a setting, whether there is one or not. The same value again changes nothing."""
    held = await _setting(ctx, new.entity_type, new.entity_id, new.setting_id, new.namespace)
    if held is None:
        try:
            return await _create(ctx, new)
        except Rejected as refusal:  # someone else may have created it since it was read
            held = await _setting(ctx, new.entity_type, new.entity_id, new.setting_id, new.namespace)
            if refusal.status not in _EXISTS or held is None:
                raise
    if held.get("value") == new.value:
        raise AlreadyApplied("The setting has this value already.", output=setting_record(held))
    try:
        return await _change(ctx, new, held)
    except Rejected as refusal:  # someone else may have removed it since it was read
        if refusal.status != 404:
            raise
    return await _create(ctx, new)


async def create_customer(ctx: Ctx, new: NewCustomer) -> CustomerRecord:
    """Create a customer with its first account. One that is there with the same name and e-mail counts as done."""
    body = {"id": new.id, "name": new.name, "primaryEmail": new.email, "address": new.address}
    try:
        made = document(await ctx.http.request("POST", "/customers", json=body))
    except Rejected as refusal:
        there = await _existing(ctx, at("customers", new.id), refusal)
        if (there.get("name"), there.get("primaryEmail")) != (new.name, new.email):
            raise
        raise AlreadyApplied("This customer is there already.", output=customer_record(there)) from refusal
    return customer_record(made)


async def create_account(ctx: Ctx, new: NewAccount) -> AccountRecord:
    """Create an account. One that is there with the same name and customer counts as done."""
    body: JSONObject = {"id": new.id, "name": new.name, "customerId": new.customer_id}
    given = {"invoiceCurrency": new.currency.upper(), "primaryEmail": new.email, "metadata": new.metadata}
    body |= {name: value for name, value in given.items() if value}
    try:
        made = document(await ctx.http.request("POST", "/accounts", json=body))
    except Rejected as refusal:
        there = await _existing(ctx, at("accounts", new.id), refusal)
        if (there.get("name"), there.get("customerId")) != (new.name, new.customer_id):
            raise
        raise AlreadyApplied("This account is there already.", output=account_record(there)) from refusal
    return account_record(made)


def account_record(said: JSONObject) -> AccountRecord:
    """An account of an answer."""
    aliases = [item.get("alias", "") if isinstance(item, dict) else text_of(item) for item in said.get("aliases") or []]
    return AccountRecord(
        account_id=said["id"],
        customer_id=text_of(said.get("customerId")),
        name=text_of(said.get("name")),
        email=text_of(said.get("primaryEmail")),
        currency=text_of(said.get("invoiceCurrency")),
        status=text_of(said.get("status")),
        settings={item["id"]: plain(item.get("value")) for item in said.get("settings") or []},
        metadata={key: plain(value) for key, value in (said.get("metadata") or {}).items()},
        aliases=[alias for alias in aliases if alias],
    )


def customer_record(said: JSONObject) -> CustomerRecord:
    """A customer of an answer."""
    return CustomerRecord(
        customer_id=said["id"],
        name=text_of(said.get("name")),
        email=text_of(said.get("primaryEmail")),
        status=text_of(said.get("status")) or "ACTIVE",  # not said of a customer that was just created
    )


def setting_record(said: JSONObject) -> SettingRecord:
    """A setting of an answer."""
    return SettingRecord(
        found=True,
        value=plain(said.get("value")),
        entity_type=text_of(said.get("entityType")),
        entity_id=text_of(said.get("entityId")),
        setting_id=text_of(said.get("id")),
    )


async def _setting(ctx: Ctx, kind: str, entity_id: str, setting_id: str, namespace: str = "") -> JSONObject | None:
    asked = {"entity_type": kind, "entity_id": entity_id, "setting_id": setting_id}
    if namespace:
        asked["namespace"] = namespace
    async for item in pages(ctx, "/settings", **asked):
        if item.get("id") == setting_id and namespace in ("", item.get("namespace")):
            return item
    return None


async def _create(ctx: Ctx, new: NewSetting) -> SettingRecord:
    body = {
        "id": new.setting_id,
        "value": new.value,
        "entityType": new.entity_type,
        "entityId": new.entity_id,
        "namespace": new.namespace,
        "name": new.name or new.setting_id,
        "dataType": "STRING",
    }
    await ctx.http.request("POST", "/settings", json=body)
    return setting_record(body)


async def _change(ctx: Ctx, new: NewSetting, held: JSONObject) -> SettingRecord:
    full_id = f"setting.{new.namespace}.{new.setting_id}.{new.entity_type}.{new.entity_id}"
    await ctx.http.request("PATCH", at("settings", full_id), json={"value": new.value})
    return setting_record({**held, "value": new.value})


async def _existing(ctx: Ctx, path: str, refusal: Rejected) -> JSONObject:
    """What is there under a taken id; raises the refusal itself when nothing is."""
    if refusal.status not in _EXISTS:
        raise refusal
    try:
        return await read(ctx, path)
    except Rejected as missing:
        if missing.status == 404:
            raise refusal from missing
        raise
