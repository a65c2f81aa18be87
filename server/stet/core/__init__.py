"""The words every other package speaks: frozen records, enums, spans, text, cost, errors. No I/O, no clock."""
