"""DynamoDB's PartiQL: a statement's text to plain structs. Nothing is carried out here.

    statement = parse(text)                          # Select | Insert | Update | Delete | Exists; cached by text
    values = statement.values(parameters)            # canonical parameters in, values by placeholder out
    statement.where.evaluate(item, values)           # the programs are those of the expressions
    statement.update.apply(item, values)
    terms_of(statement.where.node)                   # what the WHERE clause asks of single attributes

All errors are `Invalid`.
"""

from __future__ import annotations

from .parser import parse
from .statements import Column, Delete, Exists, Insert, Order, Select, Statement, Update
from .terms import Term, terms_of

__all__ = [
    "Column",
    "Delete",
    "Exists",
    "Insert",
    "Order",
    "Select",
    "Statement",
    "Term",
    "Update",
    "parse",
    "terms_of",
]
