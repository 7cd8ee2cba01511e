"""The template language: reading, checking, expanding and evaluating templates. Pure: no store, no clock, no I/O."""
