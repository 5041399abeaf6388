"""A small Togai in memory: settings, schedules, payments and credits as its reference has them, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

from tests.support.apps import Call, Say

FOREVER = "9999-01-01"
GROWTH = {"id": "pp.1.growth", "name": "Growth", "type": "BILLING", "status": "ACTIVE"}
REFERRAL = {"id": "pp.2.referral", "name": "Referral Growth", "type": "BILLING", "status": "ACTIVE"}
DRAFT = {"id": "pp.3.draft", "name": "Next year", "type": "BILLING", "status": "DRAFT"}
SETUP = {"id": "pp.4.setup", "name": "Set-up", "type": "PURCHASE", "status": "ACTIVE"}
KEY = "a-good-secret-key"


@dataclass
class SmallTogai:
    """Its books, and the answers it gives to all requests of one kind instead of its own."""

    settings: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)
    schedules: list[dict[str, str]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    credits: list[dict[str, Any]] = field(default_factory=list)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    instead: dict[str, Say] = field(default_factory=dict)
    """Method and first part of the path, e.g. "POST settings" → the answer."""
    taken_status: int = 400

    def answer(self, call: Call) -> Say:
        """One request."""
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return Say(status=401, body={"message": "Unauthorized"})
        what = f"{call.method} {call.path.split('/')[1]}"
        if what in self.instead:
            return self.instead.pop(what)
        match [unquote(part) for part in call.path.split("/")[1:]]:
            case ["settings", *rest]:
                return self._settings(call, rest)
            case ["price_plans", *rest]:
                return self._plans(call, rest)
            case ["accounts", account, "pricing_schedules"]:
                return page(call, self.schedules)
            case ["accounts", account, "price_plans"]:
                return self._edit(call, account)
            case ["payments"]:
                return self._payments(call)
            case ["credits"] if call.method == "GET":
                return page(call, self.credits)
            case ["credits"]:
                self.credits += call.body["creditRequests"]
                return Say(
                    body={"credits": [{**self.credits[-1], "id": f"cred.{len(self.credits)}", "status": "ACTIVE"}]}
                )
            case [kind, *rest]:
                return self._people(call, kind, rest)
        return Say(status=404, body={"message": "no such path"})

    def _settings(self, call: Call, rest: list[str]) -> Say:
        if call.method == "GET":
            asked = (call.query["entity_type"], call.query["entity_id"], call.query["setting_id"])
            return page(call, [self.settings[asked]] if asked in self.settings else [])
        if call.method == "PATCH":
            namespace, setting_id, kind, entity = rest[0].removeprefix("setting.").split(".")
            held = self.settings.get((kind, entity, setting_id))
            if held is None:
                return Say(status=404, body={"message": "no such setting"})
            held.update(call.body)
            return Say(status=201, body={**held, "namespace": namespace})
        body = call.body
        key = (body["entityType"], body["entityId"], body["id"])
        if key in self.settings:
            return Say(status=self.taken_status, body={"message": "setting exists"})
        self.settings[key] = body
        return Say(status=204)

    def _plans(self, call: Call, rest: list[str]) -> Say:
        known = [GROWTH, REFERRAL, DRAFT, SETUP]
        if not rest:
            return page(call, known)
        found = [plan for plan in known if plan["id"] == rest[0]]
        return Say(body=found[0]) if found else Say(status=404, body={"message": "no such price plan"})

    def _edit(self, call: Call, account: str) -> Say:
        body = call.body
        first, last = body["effectiveFrom"], body["effectiveUntil"]
        earlier = [entry for entry in self.schedules if entry["startDate"][:10] < first]
        kept = [{**entry, "endDate": min(entry["endDate"], day_before(first))} for entry in earlier]
        if body["mode"] == "ASSOCIATE":
            plan = next(plan for plan in (GROWTH, REFERRAL) if plan["id"] == body["pricePlanId"])
            kept.append(entry_of(plan, first, last))
        self.schedules = kept
        return Say(body={"accountId": account, "accountName": "Northwind", "pricingSchedules": kept})

    def _payments(self, call: Call) -> Say:
        if call.method == "GET":
            return page(
                call, [payment for payment in self.payments if payment["accountId"] == call.query["account_id"]]
            )
        body = call.body
        made = {
            **body,
            "id": f"pay.{len(self.payments) + 1}",
            "version": 1,
            "createdBy": "a",
            "createdAt": "2026-02-03T00:00:00Z",
        }
        made["externalPaymentReferences"] = made.pop("externalPaymentReference")
        self.payments.append(made)
        return Say(status=201, body=made)

    def _people(self, call: Call, kind: str, rest: list[str]) -> Say:
        if call.method == "POST":
            name = f"{kind}/{call.body['id']}"
            if name in self.people:
                return Say(status=self.taken_status, body={"message": "id is taken"})
            self.people[name] = {**call.body, "status": "ACTIVE"}
            return Say(status=201, body=self.people[name])
        if not rest:
            return page(call, [item for name, item in self.people.items() if name.startswith(f"{kind}/")])
        found = self.people.get(f"{kind}/{rest[0]}")
        return Say(body=found) if found else Say(status=404, body={"message": f"{rest[0]} not found"})


def entry_of(plan: dict[str, str], first: str, last: str = FOREVER) -> dict[str, str]:
    """A pricing schedule's entry."""
    return {
        "id": f"sch.{plan['name']}.{first}", "pricePlanId": plan["id"], "pricePlanName": plan["name"],
        "startDate": f"{first}T00:00:00Z", "endDate": f"{last}T00:00:00Z",
    }  # fmt: skip


def page(call: Call, items: list[Any]) -> Say:
    """One record a page, with an empty page in the middle, as the reference warns."""
    token = int(call.query.get("nextToken", "0"))
    following = str(token + 1) if token < len(items) else None
    return Say(body={"data": items[token - 1 : token] if token else [], "nextToken": following})


def day_before(day: str) -> str:
    """The day before, at its start."""
    return f"{date.fromisoformat(day) - timedelta(days=1)}T00:00:00Z"
