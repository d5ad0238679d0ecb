"""The instrumentor that OpenTelemetry's tools look for.

`opentelemetry-instrument python app.py` finds it by itself; a program calls

    AerospikeInstrumentor().instrument()

with a `tracer_provider` and a `meter_provider`, if they are not the global ones. It needs the
package opentelemetry-instrumentation; `tracing.instrument` does the same without it.
"""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from . import tracing

__all__ = ["AerospikeInstrumentor"]


class AerospikeInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Makes spans of the operations of all clients, and measures them."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """What has to be installed for it to have anything to do: this package."""
        return ["aerospike-py >= 1.0"]

    def _instrument(self, **kwargs: Any) -> None:
        tracing.instrument(kwargs.get("tracer_provider"), kwargs.get("meter_provider"))

    def _uninstrument(self, **_kwargs: Any) -> None:
        tracing.uninstrument()
