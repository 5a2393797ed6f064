"""Tests of the shared stores."""
