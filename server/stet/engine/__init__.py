"""The engine: its process, its client, its keeper, and adapters in its format. Nothing else knows llama.cpp."""

from stet.engine.api import Completion, CompletionRequest, Engine, Token
from stet.engine.client import LlamaServer
from stet.engine.convert import adapter_to_gguf
from stet.engine.process import EngineConfig, EngineProcess, default_threads
from stet.engine.supervisor import EngineState, Supervisor

__all__ = [
    "Completion",
    "CompletionRequest",
    "Engine",
    "EngineConfig",
    "EngineProcess",
    "EngineState",
    "LlamaServer",
    "Supervisor",
    "Token",
    "adapter_to_gguf",
    "default_threads",
]
