"""Views for other libraries that step all copies of a market at once, as arrays."""
