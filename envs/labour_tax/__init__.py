"""Households answer a progressive income tax."""

from .market import LabourTax

__all__ = ["LabourTax"]
