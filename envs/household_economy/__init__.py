"""Households work, consume and save under taxes."""

from .market import HouseholdEconomy

__all__ = ["HouseholdEconomy"]
