"""Positions: what every sale amounts to, from all facts about it, whenever they came.

    by_sale(facts)                             which facts belong to which sale; `aliases` its other keys
    position(sale_id, facts, effects, now=…)   amounts, plan and findings of one sale at one tracker
    next_calls(position), repair_calls(…)      what may be sent now; what a person may order
    credit_position(…), request_plan(…)        credit for commissions; payment requests
    cancellation(…)                            what is told of a customer who leaves
    due_entries(facts), post(due, posted, …)   double entry; a closed period stays as it is
    statement(cases, entries, …), why(…)       a period's accounts and cases; the sentence on an amount

Facts are in `facts`, what is told to vendors in `effects`, classes and their texts in `findings`, choices in `policy`.
Pure: no I/O, no clock, no vendor. Ids, times and unit tables come in as arguments.
"""

from affluent.domain.money.attribution import cancellation
from affluent.domain.money.bookkeeping import due_entries
from affluent.domain.money.credits import credit_position
from affluent.domain.money.journal import balances, post
from affluent.domain.money.position import Position, next_calls, position, repair_calls
from affluent.domain.money.requests import request_plan
from affluent.domain.money.sales import aliases, by_sale
from affluent.domain.money.statement import case_of, loose_findings, statement, why

__all__ = [
    "Position",
    "aliases",
    "balances",
    "by_sale",
    "cancellation",
    "case_of",
    "credit_position",
    "due_entries",
    "loose_findings",
    "next_calls",
    "position",
    "post",
    "repair_calls",
    "request_plan",
    "statement",
    "why",
]
