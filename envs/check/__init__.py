"""Does a market keep the contract? `check_market` tries every promise."""

from .report import CHECKS, Check, Report, check_market

__all__ = ["CHECKS", "Check", "Report", "check_market"]
