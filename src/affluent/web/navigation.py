"""What the navigation lists. A page names its section by the label."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One link: label, icon, address, the key that follows `g` on the keyboard, and the heading above it."""

    label: str
    icon: str
    href: str
    key: str = ""
    heading: str = ""


MAIN = (
    Entry("Home", "house", "/", "h"),
    Entry("Customers", "users", "/customers", "c"),
    Entry("Apps", "blocks", "/apps", "a", "Integrations"),
    Entry("Flows", "workflow", "/flows", "f"),
    Entry("Activity", "activity", "/activity", "r"),
    Entry("Reconciliation", "scale", "/reconciliation", "b", "Finance"),
)
ADMIN = (
    Entry("API tokens", "key-round", "/admin/tokens", "t"),
    Entry("Users", "users", "/admin/users"),
    Entry("Audit log", "scroll-text", "/admin/audit"),
    Entry("Settings", "settings-2", "/admin/settings"),
)
"""The side list of the Admin Center; its other pages add themselves here."""
