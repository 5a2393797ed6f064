"""Decisions and values: nothing here awaits, opens anything or looks at a clock."""
