"""Builds the Flask app from the settings; it connects to nothing before the first request."""

import os
import time
from collections.abc import Callable, Mapping

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.routing import BaseConverter

from ml_training import __version__
from ml_training.api.access import Access, RateLimits
from ml_training.api.audit import audit
from ml_training.api.bulk_jobs import jobs  # with the routes that concern many jobs
from ml_training.api.caller import install_caller
from ml_training.api.changes import changes
from ml_training.api.connections import connections
from ml_training.api.console import console
from ml_training.api.context import EXTENSION, Context, Master
from ml_training.api.counters import Counters
from ml_training.api.datasets import datasets
from ml_training.api.docs import docs_blueprint
from ml_training.api.document_limits import add_limits
from ml_training.api.drift_reports import drift_reports
from ml_training.api.examples import add_examples
from ml_training.api.explanations import explanations
from ml_training.api.health import health
from ml_training.api.keys import keys
from ml_training.api.model_cards import models
from ml_training.api.model_types import model_types
from ml_training.api.overview import overview
from ml_training.api.predictions import predictions
from ml_training.api.problems import install_problems
from ml_training.api.projects import projects
from ml_training.api.request_hooks import install_hooks, template_of
from ml_training.api.response_schemas import Problem
from ml_training.api.results import RESULT_BLUEPRINTS
from ml_training.api.resumable_uploads import uploads
from ml_training.api.route_rules import add_rules, rules_of
from ml_training.api.sign_in import sign_in
from ml_training.api.slow_requests import SlowRequestLimiter
from ml_training.api.studies import studies
from ml_training.api.workers import workers
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.domain.caller import Role
from ml_training.domain.trusted_proxies import TrustedProxies
from ml_training.domain.variables import is_loopback
from ml_training.services.change_watch import ChangeWatch
from ml_training.services.identity_provider import IdentityProvider
from ml_training.services.key_cache import KeyCache
from ml_training.services.resources import build_resources
from ml_training.settings import Settings

BLUEPRINTS = (
    datasets,
    uploads,
    connections,
    model_types,
    jobs,
    models,
    *RESULT_BLUEPRINTS,
    predictions,
    studies,
    explanations,
    changes,
    overview,
    workers,
    drift_reports,
    projects,
    keys,
    audit,
    sign_in,
    health,
)
INFO = Info(
    title="ML Training Service",
    version=__version__,
    summary="Train, test, compare and apply models on tabular data.",
    description="Errors are RFC 9457 problems. Times are RFC 3339 UTC. Unknown fields and query parameters are errors.",
)
# Of one API process, where it listens to other machines and no setting says otherwise: a guard against floods.
KEY_REQUESTS_PER_SECOND, ADDRESS_REQUESTS_PER_SECOND = 500.0, 1_000.0


class IdConverter(BaseConverter):
    """An id in a path: a positive integer without leading zeros. Any other text matches no route: 404."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """Return the id as a number."""
        return int(value)


def create_app(
    settings: Settings, *, master: Master | None = None, is_draining: Callable[[], bool] = lambda: False
) -> OpenAPI:
    """The WSGI app of one process. master: the gunicorn master, by default this process, started now."""
    app = OpenAPI(
        __name__, info=INFO, doc_ui=False, security_schemes={}, static_folder=None, validation_error_model=Problem
    )
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # no redirects: a path is right or 404
    app.url_map.converters["id"] = IdConverter
    is_local = is_loopback(settings.api_host)
    provider = IdentityProvider(settings) if settings.oidc_issuer else None
    # A pool may grow to twice its size: one connection for each thread and for the heartbeat.
    resources = build_resources(settings, pool_size=settings.api_threads // 2 + 1)
    counters = Counters()
    app.extensions[EXTENSION] = Context(
        resources=resources,
        slow_requests=SlowRequestLimiter(threads=settings.api_threads, waits=settings.limits.waits),
        hosts=AllowedHosts(settings.api_host, settings.allowed_hosts),
        counters=counters,
        access=Access(
            KeyCache(resources.database),
            counters,
            is_local=is_local and provider is None,  # where people sign in, nobody comes in without
            limits=_rate_limits(settings, is_local),
        ),
        master=master or Master(os.getpid(), time.time()),
        change_watch=ChangeWatch(resources.database, is_draining=is_draining),
        provider=provider,
        is_draining=is_draining,
        proxies=TrustedProxies(settings.trusted_proxies),
    )
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    document = app.api_doc
    add_examples(document)
    add_limits(document, settings.limits)
    app.register_blueprint(docs_blueprint(document))
    app.register_blueprint(console)
    rules = rules_of(app)
    add_rules(document, _by_operation(app, rules))
    install_problems(app)
    install_hooks(app)
    install_caller(app, rules)
    return app


def _by_operation(app: OpenAPI, rules: Mapping[str, Role | None]) -> dict[tuple[str, str], Role | None]:
    return {
        (method, template_of(rule) or ""): rules[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _rate_limits(settings: Settings, is_local: bool) -> RateLimits:
    """Those of the settings; without them none on loopback, where every caller is of this machine."""
    key, address = settings.key_requests_per_second, settings.address_requests_per_second
    return RateLimits(
        per_key=(0.0 if is_local else KEY_REQUESTS_PER_SECOND) if key is None else key,
        per_address=(0.0 if is_local else ADDRESS_REQUESTS_PER_SECOND) if address is None else address,
    )
