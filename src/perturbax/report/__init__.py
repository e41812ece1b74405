"""What was measured, for people: the static site, and the table of the systems for README and docs."""

from ._cards import Card as Card
from ._cards import CardBar as CardBar
from ._cards import Column as Column
from ._cards import card_from_summary as card_from_summary
from ._cards import cards as cards
from ._site import build as build
from ._table import systems_table as systems_table

__all__ = ["Card", "CardBar", "Column", "build", "card_from_summary", "cards", "systems_table"]
