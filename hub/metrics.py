"""What Prometheus asks for: requests of this process, and what the platform's tables say at that moment."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from precedent.errors import PrecedentError
from precedent.sources import schedule
from precedent.tenants import budgets

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from precedent.platform import Platform

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one hub."""

    def __init__(self, platform: "Platform") -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector

        self.registry: CollectorRegistry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        names = ("method", "route")
        self.requests = Counter(
            "precedent_hub_requests", "Requests by route and status.", (*names, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "precedent_hub_request_seconds", "Time to the answer.", names, buckets=BUCKETS, registry=self.registry
        )
        self.registry.register(_Tables(platform))

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


class Counted:
    """An application whose requests are counted by the template of their route, never by their address."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(scope["method"], route, status).inc()
            self._metrics.seconds.labels(scope["method"], route).observe(time.perf_counter() - began)


class _Tables:
    """Figures that are read when they are asked for; without a database there are none."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.metrics_core import GaugeMetricFamily

        try:
            sources = schedule.sources(self._platform.database)
            money = budgets.list(self._platform.database)
        except PrecedentError:
            yield GaugeMetricFamily("precedent_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("precedent_database_up", "Whether the database answers.", 1)
        states = GaugeMetricFamily("precedent_sources", "Sources by state.", labels=("tenant", "state"))
        counts: dict[tuple[str, str], int] = {}
        for source in sources:
            key = (source.tenant, source.state or "new")
            counts[key] = counts.get(key, 0) + 1
        for key, count in counts.items():
            states.add_metric(key, count)
        yield states
        used = GaugeMetricFamily("precedent_budget_used_usd", "Spent and set aside this month.", labels=("tenant",))
        limit = GaugeMetricFamily("precedent_budget_limit_usd", "The budget of a month.", labels=("tenant",))
        for budget in money:
            used.add_metric((budget.tenant,), float(budget.used_usd))
            limit.add_metric((budget.tenant,), float(budget.limit_usd))
        yield used
        yield limit
