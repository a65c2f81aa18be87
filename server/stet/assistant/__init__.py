"""The façade the protocol calls: documents and requests in, offers out; capture, serving and training behind it."""

from stet.assistant.assistant import Assistant
from stet.assistant.suggesting import Offered

__all__ = ["Assistant", "Offered"]
