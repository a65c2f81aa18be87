"""Whether edits may be recorded. Without a yes nothing is captured; completions work all the same."""

from __future__ import annotations

from collections.abc import Callable

from stet.assistant.editor import Editor
from stet.assistant.journal import Journal
from stet.core.errors import StoreError
from stet.store import meta

QUESTION = (
    "May Stet keep the edits you make to its suggestions, to learn how you write? They stay on this computer, "
    "in a store only you can read. `stet data show` lists them, `stet data delete` erases them."
)
YES, NO = "Yes, learn from my edits", "No"


async def consent(setting: str, journal: Journal, editor: Editor, now: Callable[[], float]) -> bool:
    """True only for a yes: by setting, by an answer given before, or by one given now and remembered.

    Turning the question away is not remembered: it is asked again at the next start.
    """
    if setting in ("yes", "no"):
        return setting == "yes"
    try:
        remembered = await journal.ask(meta.consent)
        if remembered is not None:
            return remembered
        answer = await editor.ask(QUESTION, (YES, NO))
        if answer is None:
            return False
        await journal.ask(lambda database: meta.set_consent(database, answer == YES, now()))
    except StoreError as error:
        editor.log(f"Edits are not recorded: {error}", warning=True)
        return False
    return answer == YES
