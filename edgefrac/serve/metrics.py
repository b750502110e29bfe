"""What Prometheus is told of the room. Labels are of closed lists: none is of a client's or an image's making."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edgefrac.serve.answer import Answer
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.worklist import Item

_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """Counts of one room and its clients, since the process started."""

    def __init__(self, room: ReadingRoom) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "edgefrac_requests", "HTTP requests", ("method", "route", "status"), registry=self._registry
        )
        self._images = Counter("edgefrac_images", "Images done", ("origin", "state"), registry=self._registry)
        self._reading = Histogram(
            "edgefrac_reading_seconds",
            "From an image's bytes to its answer, in a reader",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_list = Histogram(
            "edgefrac_worklist_seconds",
            "From the receipt of an image to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Room(room))
        room.on_finished.append(self._finished)

    def answered_at_once(self, answer: Answer) -> None:
        """An image was read for a caller who waited."""
        self._images.labels("call", "answered").inc()
        self._reading.observe(answer.milliseconds / 1000)

    def refused_at_once(self) -> None:
        """An image could not be read for a caller who waited."""
        self._images.labels("call", "unreadable").inc()

    def _finished(self, item: Item) -> None:
        self._images.labels(item.origin, item.state).inc()
        if item.answer and item.finished:
            self._reading.observe(item.answer.milliseconds / 1000)
            self._in_list.observe(max(0.0, item.finished - item.received))

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class _Room(Collector):
    """What the room itself counts."""

    def __init__(self, room: ReadingRoom) -> None:
        self._room = room

    def collect(self) -> Iterator[Metric]:
        room = self._room
        listed = GaugeMetricFamily("edgefrac_worklist_images", "Images in the work list", labels=["state"])
        for state, count in room.worklist.counts().items():
            listed.add_metric([state], count)
        yield listed
        deliveries = GaugeMetricFamily("edgefrac_deliveries", "Answers on their way to a PACS", labels=["state"])
        for to, count in room.worklist.delivery_counts().items():
            deliveries.add_metric([to], count)
        yield deliveries
        yield GaugeMetricFamily("edgefrac_readers_queue", "Jobs that wait for a reader", value=room.readers.waiting)
        yield GaugeMetricFamily("edgefrac_readers_up", "Readers at work or ready", value=room.readers.up)
        yield CounterMetricFamily(
            "edgefrac_readers_replaced", "Readers lost over an image", value=room.readers.replaced
        )
