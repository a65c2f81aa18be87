"""Secrets in the writer's text, made unreadable before anything is written. Every text keeps its length.

Known forms of keys and tokens come from detect-secrets; its detectors for prose-like text (entropy, keywords) raise
false alarms on prose and are replaced by two narrow rules of our own. A detector's find is widened to the whole run of
characters around it, for some report only the head. What is cut off at the edge of a text may be half a secret: with
`cut_head` or `cut_tail` a long run of letters and digits there is masked too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

from attrs import evolve

from stet.capture.classify import script
from stet.capture.effects import (
    Effect,
    OfferEnded,
    RecordMade,
    SpanAccepted,
    SpanClosed,
    SpanRead,
    SpanSettled,
    SpanTouched,
)
from stet.core.records import AcceptedSpan, Context, EditRecord, Suggestion

MASK = "█"
"""Stands in the place of every character of a secret."""
FLAG = "masked"
"""On records whose y or y′ held a secret: nothing is learned from them."""

_DETECTORS = (
    ("artifactory", "ArtifactoryDetector"),
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_NAMED = re.compile(
    r"(?i)\b(?:pass(?:word|phrase|wd|code)|pwd|pin)\b[\"']?[ \t]*[:=][ \t]*(\S+)"
    r"|\b(?:secret|token|(?:api|access|private)[ _-]?key)\b[\"']?[ \t]*[:=][ \t]*(?=\S*\d)(\S{8,})"
)
_LONG_RUN = re.compile(r"(?<![\w+=])(?=[\w+=]*[0-9])(?=[\w+=]*[a-z])(?=[\w+=]*[A-Z])[A-Za-z0-9_+=]{32,}")
_CUT_RUN = re.compile(r"(?=\S*[\d_])[A-Za-z0-9_+/=-]{12,}")
_RUN = re.compile(r"[^\s\"'<>()\[\]{},;@:]+")

T = TypeVar("T")


def mask(text: str, *, cut_head: bool = False, cut_tail: bool = False) -> str:
    """`text` with every secret that is recognised in it as a row of `MASK`, one for each code point."""
    found = [match.span() for match in _PRIVATE_KEY.finditer(text)]
    at = 0
    for line in text.splitlines(keepends=True):
        found += [(at + start, at + end) for start, end in _in_line(line)]
        at += len(line)
    if cut_head and (head := _CUT_RUN.match(text)):
        found.append(head.span())
    if cut_tail and (tail := re.search(r"\S+\Z", text)) and (run := _CUT_RUN.search(tail.group())):
        found.append((tail.start() + run.start(), len(text)))
    for start, end in found:
        text = text[:start] + re.sub(r"[^\r\n]", MASK, text[start:end]) + text[end:]
    return text


def masked(effect: Effect) -> Effect:
    """`effect` with every text of the writer's masked. A record whose y or y′ held a secret gets the flag `masked`."""
    match effect:
        case OfferEnded():
            return evolve(effect, suggestion=_suggestion(effect.suggestion))
        case SpanSettled():
            return evolve(effect, span=_span(effect.span), record=_record(effect.record))
        case SpanAccepted() | SpanTouched() | SpanClosed():
            return evolve(effect, span=_span(effect.span))
        case SpanRead():
            return effect
        case RecordMade():
            return evolve(effect, record=_record(effect.record))


def _span(span: AcceptedSpan) -> AcceptedSpan:
    return _if_changed(
        span,
        suggestion=_suggestion(span.suggestion),
        accepted=mask(span.accepted),
        text=mask(span.text),
        kept_text=mask(span.kept_text),
        before=mask(span.before, cut_head=True),
        after=mask(span.after, cut_tail=True),
    )


def _record(record: EditRecord) -> EditRecord:
    y, final = mask(record.suggestion), mask(record.final)
    kept = evolve(record, context=_context(record.context))
    if (y, final) == (record.suggestion, record.final):
        return kept
    flags = tuple(sorted({*record.flags, FLAG}))
    return evolve(kept, suggestion=y, final=final, script=script(y, final), flags=flags)


def _suggestion(suggestion: Suggestion) -> Suggestion:
    return _if_changed(suggestion, context=_context(suggestion.context), text=mask(suggestion.text))


def _context(context: Context) -> Context:
    return _if_changed(context, prefix=mask(context.prefix, cut_head=True), suffix=mask(context.suffix, cut_tail=True))


def _if_changed(value: T, **fields: Any) -> T:
    changed = {name: field for name, field in fields.items() if field != getattr(value, name)}
    return evolve(value, **changed) if changed else value  # type: ignore[misc]


@lru_cache(maxsize=4096)
def _in_line(line: str) -> tuple[tuple[int, int], ...]:
    """Where secrets stand in one line. Cached: the context of one offer is mostly that of the last."""
    spans = [match.span(group) for match in _NAMED.finditer(line) for group in (1, 2) if match.group(group)]
    spans += [match.span() for match in _LONG_RUN.finditer(line)]
    for detector in _detectors():
        for secret in detector.analyze_string(line):
            start = line.find(secret)
            while secret and start >= 0:
                spans.append(_widened(line, start, start + len(secret)))
                start = line.find(secret, start + len(secret))
    return tuple(spans)


def _widened(line: str, start: int, end: int) -> tuple[int, int]:
    """The whole run of characters that a find is part of."""
    while start > 0 and _RUN.match(line[start - 1]):
        start -= 1
    run = _RUN.match(line, end)
    return start, run.end() if run else end


@lru_cache(maxsize=1)
def _detectors() -> tuple[Any, ...]:
    """Imported when first needed, on the thread that writes: it takes a tenth of a second."""
    return tuple(getattr(import_module(f"detect_secrets.plugins.{name}"), kind)() for name, kind in _DETECTORS)
