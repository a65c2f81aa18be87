"""Every setting with its default, its bounds and a sentence: the one place where a setting is written down."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A group of settings: frozen, camelCase on the wire, unknown keys refused (and reported by `parse`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


EXCLUDE = (
    *(".env", "*.env", ".env.*", "*password*", "secrets.*", "credentials*", ".netrc", ".pgpass", ".npmrc", ".pypirc"),
    *(
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "*.jks",
        "*.keystore",
        "*.gpg",
        "*.age",
        "id_rsa*",
        "id_ecdsa*",
        "id_ed25519*",
    ),
    *("*.kdb", "*.kdbx", "*.psafe3", "*.opvault/", ".password-store/", ".ssh/", ".gnupg/", ".aws/", ".gitignore"),
)
"""Files that hold keys, tokens and passwords by their names, as gitignore patterns."""


class ModelSettings(Section):
    name: str = Field("smollm2-135m-instruct", description="Catalogue name of the base model (`stet models list`).")
    path: str = Field("", description="A GGUF file to use instead of a catalogue model.")


class EngineSettings(Section):
    url: str = Field("", description="Address of a llama-server to use instead of the child process.")
    api_key: str = Field("", description="API key of that llama-server.")
    threads: int = Field(0, ge=0, le=256, description="Threads of the engine; 0: one fewer than the cores.")
    context_tokens: int = Field(2048, ge=256, le=131072, description="Tokens of context the engine keeps per slot.")
    timeout_seconds: float = Field(10.0, gt=0, le=600, description="Longest wait for one suggestion.")


class CompletionSettings(Section):
    enabled: bool = Field(True, description="Offer suggestions.")
    max_tokens: int = Field(24, ge=1, le=512, description="Longest suggestion, in tokens of the model.")
    prefix_characters: int = Field(2000, ge=100, le=100000, description="Text before the cursor that the model reads.")
    suffix_characters: int = Field(400, ge=0, le=100000, description="Text after the cursor that filters look at.")
    menu: bool = Field(False, description="Also answer textDocument/completion, for editors without inline completion.")


class CaptureSettings(Section):
    consent: Literal["ask", "yes", "no"] = Field(
        "ask", description="Whether edits may be recorded: ask once and remember the answer, or a fixed yes or no."
    )
    settle_seconds: float = Field(
        10.0, gt=0, le=3600, description="Quiet time after which a span's final text is read."
    )
    cap_seconds: float = Field(300.0, gt=0, le=86400, description="Longest wait for that quiet before reading anyway.")
    settle_on_save: bool = Field(False, description="Read a span's final text when its document is saved.")
    settle_on_close: bool = Field(
        True, description="Read it when the document is closed; otherwise it waits for the document to be opened again."
    )
    declined_seconds: float = Field(
        30.0, gt=0, le=3600, description="When the text in a declined suggestion's place is read."
    )
    languages: dict[str, bool] = Field(
        default_factory=dict, description='Language ids turned on or off; "*" stands for all that are not named.'
    )
    folders: dict[str, bool] = Field(
        default_factory=dict, description="Folders, as full paths, turned on or off; the innermost one counts."
    )
    gitignore: bool = Field(True, description="Leave files alone that git ignores.")
    untitled: bool = Field(True, description="Work in documents that are in no file yet.")
    read_only: bool = Field(False, description="Work in files that cannot be written.")
    max_document_characters: int = Field(
        2_000_000, ge=1000, description="Documents longer than this get no suggestions and are not captured."
    )
    exclude: tuple[str, ...] = Field(
        EXCLUDE,
        description="Files, as gitignore patterns, that get no suggestions and are never captured.",
    )


class LearningSettings(Section):
    enabled: bool = Field(True, description="Train a personal adapter from the edit records.")
    automatic: bool = Field(True, description="Start training by the idle rule; otherwise only on command.")
    min_records: int = Field(30, ge=4, description="Settled records needed before the first training.")
    min_new_words: int = Field(300, ge=0, description="New words in final texts needed before the first training.")
    new_fraction: float = Field(0.2, ge=0, le=10, description="Share of new records that makes a new run worth while.")
    idle_seconds: float = Field(60.0, ge=0, description="Time without typing before training starts by itself.")
    on_battery: bool = Field(False, description="Train on battery power too.")
    max_records: int = Field(1000, ge=10, description="Newest records used for one run.")
    epochs: int = Field(3, ge=1, le=50, description="Passes over the training records.")
    rank: int = Field(16, ge=1, le=256, description="LoRA rank.")
    alpha: int = Field(32, ge=1, le=512, description="LoRA alpha.")
    dropout: float = Field(0.05, ge=0, lt=1, description="LoRA dropout.")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="Peak learning rate.")
    batch_tokens: int = Field(128, ge=32, description="Tokens in one optimiser step.")
    held_out: float = Field(0.2, gt=0, lt=0.9, description="Share of the newest records kept for the gate.")
    threads: int = Field(0, ge=0, le=256, description="Threads of the trainer; 0: one fewer than the cores.")
    seed: int = Field(0, ge=0, description="Seed of a training run.")


class SelectionSettings(Section):
    exploration: float = Field(0.1, ge=0, le=1, description="Share of documents served by an arm other than the best.")
    sticky_minutes: float = Field(10.0, ge=0, description="Time for which a document keeps its arm.")


class Settings(Section):
    """The whole tree, `stet` on the wire."""

    enabled: bool = Field(True, description="Turn Stet on.")
    model: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    completion: CompletionSettings = CompletionSettings()
    capture: CaptureSettings = CaptureSettings()
    learning: LearningSettings = LearningSettings()
    selection: SelectionSettings = SelectionSettings()
