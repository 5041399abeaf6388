"""Positions: what every sale amounts to, from all facts about it, whenever they came.

    sales.by_sale(facts)                    which facts belong to which sale
    position.position(id, facts, effects)   amounts, plan and findings of one sale
    position.next_calls(position)           what may be sent now
    journal.post(wanted(facts), posted)     double entry, closed periods left alone
    statement.statement(positions, ...)     cases, their classes, remainders

Pure: no I/O, no clock, no vendor. Ids and times come in as arguments.
"""
