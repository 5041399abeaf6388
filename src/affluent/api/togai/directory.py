"""Calls about customers, accounts, aliases and settings."""

from __future__ import annotations

from affluent.api.togai import answers
from affluent.api.togai.routing import Call, Rule
from affluent.billing import Billing, schemas
from affluent.kit.jsons import JSONValue


def rules(billing: Billing) -> list[Rule]:
    """What the dialect knows of the directory."""
    return [*_customers(billing), *_accounts(billing), *_settings(billing)]


def _customers(billing: Billing) -> list[Rule]:
    customers = billing.customers

    async def create(call: Call) -> JSONValue:
        return answers.created_customer(await customers.create(call.body(schemas.NewCustomer)))

    async def find(call: Call) -> JSONValue:
        page = call.paging("id", "status")
        found = await customers.find(
            customer_id=page.filters.get("id", ""),
            status=page.filters.get("status", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, answers.customer)

    async def get(call: Call) -> JSONValue:
        return answers.customer(await customers.get(call.path["id"]))

    async def change(call: Call) -> JSONValue:
        return answers.customer(await customers.change(call.path["id"], call.body(schemas.CustomerChange)))

    async def archive(call: Call) -> JSONValue:
        await customers.archive(call.path["id"])
        return answers.SUCCESS

    async def add_contact(call: Call) -> JSONValue:
        new = call.body(schemas.NewContact)
        return answers.contact(await customers.add_contact(call.path["id"], new, author=call.author))

    return [
        Rule("POST", "/customers", "customers:write", create, 201),
        Rule("GET", "/customers", "customers:read", find),
        Rule("GET", "/customers/{id}", "customers:read", get),
        Rule("PATCH", "/customers/{id}", "customers:write", change),
        Rule("DELETE", "/customers/{id}", "customers:write", archive),
        Rule("POST", "/customers/{id}/contacts", "customers:write", add_contact, 201),
    ]


def _accounts(billing: Billing) -> list[Rule]:
    accounts, aliases = billing.accounts, billing.aliases

    async def create(call: Call) -> JSONValue:
        return answers.account(await accounts.create(call.body(schemas.NewAccount)))

    async def find(call: Call) -> JSONValue:
        page = call.paging("account_id", "customer_id", "status", "invoice_currency")
        found = await accounts.find(
            account_id=page.filters.get("account_id", ""),
            customer_id=page.filters.get("customer_id", ""),
            status=page.filters.get("status", ""),
            currency=page.filters.get("invoice_currency", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, answers.account)

    async def get(call: Call) -> JSONValue:
        return answers.account(await accounts.get(call.path["id"]))

    async def change(call: Call) -> JSONValue:
        return answers.account(await accounts.change(call.path["id"], call.body(schemas.AccountChange)))

    async def archive(call: Call) -> JSONValue:
        await accounts.archive(call.path["id"])
        return answers.SUCCESS

    async def add_aliases(call: Call) -> JSONValue:
        return answers.account(await aliases.add(call.path["id"], call.body(schemas.AddAliases)))

    async def list_aliases(call: Call) -> JSONValue:
        found = await aliases.find(call.path["id"])
        return {"data": [answers.alias(one) for one in found], "nextToken": None}

    async def remove_aliases(call: Call) -> JSONValue:
        return answers.account(await aliases.remove(call.path["id"], call.body(schemas.RemoveAliases)))

    return [
        Rule("POST", "/accounts", "accounts:write", create, 201),
        Rule("GET", "/accounts", "accounts:read", find),
        Rule("GET", "/accounts/{id}", "accounts:read", get),
        Rule("PATCH", "/accounts/{id}", "accounts:write", change),
        Rule("DELETE", "/accounts/{id}", "accounts:write", archive),
        Rule("POST", "/accounts/{id}/add_aliases", "accounts:write", add_aliases),
        Rule("GET", "/accounts/{id}/account_aliases", "accounts:read", list_aliases),
        Rule("POST", "/accounts/{id}/remove_aliases", "accounts:write", remove_aliases),
    ]


def _settings(billing: Billing) -> list[Rule]:
    settings = billing.settings

    async def create(call: Call) -> JSONValue:
        return answers.setting(await settings.create(call.body(schemas.NewSetting)))

    async def find(call: Call) -> JSONValue:
        page = call.paging("entity_type", "entity_id", "setting_id", "namespace")
        found = await settings.find(
            entity_type=page.filters.get("entity_type", ""),
            entity_id=page.filters.get("entity_id", ""),
            setting_id=page.filters.get("setting_id", ""),
            namespace=page.filters.get("namespace", ""),
            limit=page.size,
            after=page.after,
        )
        return page.answer(found, answers.setting)

    async def get(call: Call) -> JSONValue:
        return answers.setting(await settings.get(call.path["id"]))

    async def change(call: Call) -> JSONValue:
        return answers.setting(await settings.change(call.path["id"], call.body(schemas.SettingChange)))

    async def delete(call: Call) -> JSONValue:
        await settings.delete(call.path["id"])
        return answers.SUCCESS

    return [
        Rule("POST", "/settings", "settings:write", create, 201),
        Rule("GET", "/settings", "settings:read", find),
        Rule("GET", "/settings/{id}", "settings:read", get),
        Rule("PATCH", "/settings/{id}", "settings:write", change, 201),
        Rule("DELETE", "/settings/{id}", "settings:write", delete),
    ]
