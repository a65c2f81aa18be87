"""Simulated writers and what is measured on them."""
