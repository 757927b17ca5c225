"""Values with which somebody may install the chart: each set turns something on, off or around."""

from typing import Any

KEY = "mlt_0123456789ab_" + "5e" * 32
DIGEST = "sha256:" + "0f" * 32
# Everything that is secret in a set, so that a test can look for it in what is rendered.
SECRETS = {
    "database": "database-S3cret/with:signs",
    "broker": "broker-S3cret",
    "access": "ACCESSKEYID0000000",
    "bucket": "bucket-S3cret/0123456789",
    "key": KEY,
    "token": "token-S3cret-0123456789",
}
SERVERS: dict[str, Any] = {
    "database": {"url": "postgresql://ml@db.example.org:5433/ml", "existingSecret": "database"},
    "broker": {"url": "redis://redis:6379/0", "existingSecret": "broker"},
}
FIRST_KEY: dict[str, Any] = {"api": {"bootstrapKey": {"existingSecret": "first-key"}}}
BUCKET: dict[str, Any] = {
    "storage": {"bucket": {"url": "s3://models/prod", "region": "eu-central-1", "existingSecret": "bucket"}}
}
USUAL: dict[str, Any] = {**SERVERS, **FIRST_KEY, **BUCKET}
SCHEDULING: dict[str, Any] = {
    "podAnnotations": {"example.org/team": "ml"},
    "podLabels": {"team": "ml"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "arch", "operator": "In", "values": ["amd64"]}]}]
            }
        }
    },
    "priorityClassName": "high",
}
PROMETHEUS: dict[str, Any] = {"serverAddress": "http://prometheus.monitoring:9090"}
MONITORING: dict[str, Any] = {
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True, "annotations": {"grafana_folder": "ML"}},
}

VALUE_SETS: dict[str, dict[str, Any]] = {
    "usual": USUAL,
    "secrets in values": {
        "database": {"url": "postgresql://ml@db/ml", "password": SECRETS["database"]},
        "broker": {"url": "rediss://redis:6380/1", "password": SECRETS["broker"]},
        "storage": {
            "bucket": {
                "url": "s3://models",
                "accessKeyId": SECRETS["access"],
                "secretAccessKey": SECRETS["bucket"],
            }
        },
        "api": {"bootstrapKey": {"value": SECRETS["key"]}},
        "exporter": {"metricsToken": {"value": SECRETS["token"]}},
        **{name: MONITORING[name] for name in ("serviceMonitor",)},
    },
    "whole URLs in Secrets": {
        "database": {"existingSecret": "servers", "urlKey": "database-url"},
        "broker": {"existingSecret": "servers", "urlKey": "broker-url"},
        **FIRST_KEY,
        **BUCKET,
    },
    "servers without passwords": {
        "database": {"url": "postgresql://ml@db/ml?sslmode=verify-full"},
        "broker": {"url": "redis://redis"},
        **FIRST_KEY,
        **BUCKET,
    },
    "a volume of theirs": {**SERVERS, **FIRST_KEY, "storage": {"claim": {"existingClaim": "models"}}},
    "a volume of the chart": {
        **SERVERS,
        **FIRST_KEY,
        "storage": {"claim": {"create": True, "size": "1Ti", "storageClassName": "nfs"}},
    },
    "a bucket by the service account": {
        **USUAL,
        "storage": {"bucket": {"url": "s3://models", "region": "eu-central-1"}},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/ml"}},
    },
    "a bucket on another server": {
        **USUAL,
        "storage": {
            "bucket": {
                "url": "s3://models",
                "endpoint": "http://minio.storage:9000",
                "pathStyle": True,
                "existingSecret": "bucket",
                "accessKeyIdKey": "user",
                "secretAccessKeyKey": "password",
            },
            "cacheBytes": 107374182400,
        },
    },
    "scaled by Prometheus": {
        **USUAL,
        **MONITORING,
        "worker": {"concurrency": 3},
        "keda": {"enabled": True, "prometheus": PROMETHEUS},
    },
    "scaled by a Prometheus that asks who": {
        **USUAL,
        "keda": {
            "enabled": True,
            "minReplicas": 1,
            "maxReplicas": 50,
            "prometheus": {
                **PROMETHEUS,
                "selector": 'cluster="west",namespace=~"ml.*"',
                "authenticationRef": "prometheus",
                "authModes": "bearer",
            },
        },
    },
    "scaled by the database": {
        **USUAL,
        "keda": {"enabled": True, "trigger": "postgresql", "maxReplicas": 7},
        "worker": {"concurrency": 4},
    },
    "scaled by the database of a URL in a Secret": {
        **USUAL,
        "database": {"existingSecret": "servers", "urlKey": "database-url"},
        "keda": {"enabled": True, "trigger": "postgresql"},
    },
    "an ingress with TLS": {
        **USUAL,
        "ingress": {"enabled": True, "host": "ml.example.org", "tlsSecret": "ml-tls", "className": "nginx"},
        "allowedHosts": ["ml.internal", "10.0.0.7"],
    },
    "an ingress behind TLS": {**USUAL, "ingress": {"enabled": True, "host": "ml.example.org", "annotations": {}}},
    "TLS by an authority of theirs": {
        **USUAL,
        **MONITORING,
        "tls": {"existingSecret": "ml-certificate"},
        "ingress": {"enabled": True, "host": "ml.example.org", "tlsSecret": "ml-tls"},
        "api": {**FIRST_KEY["api"], "service": {"port": 443}},
    },
    "TLS by a public authority": {
        **USUAL,
        **MONITORING,
        "tls": {
            "existingSecret": "ml-certificate",
            "certKey": "chain.pem",
            "keyKey": "key.pem",
            "caKey": "",
            "serverName": "ml.example.org",
        },
    },
    "people sign in": {
        **USUAL,
        "api": {**FIRST_KEY["api"], "signIn": {"existingSecret": "sign-in"}},
        "settings": {
            "OIDC_ISSUER": "https://login.example.org",
            "OIDC_CLIENT_ID": "ml-training",
            "OIDC_REDIRECT_URL": "https://ml.example.org/api/v1/sign-in/callback",
            "OIDC_ROLES": "ml-admins=admin",
        },
    },
    "no network policies": {**USUAL, "networkPolicy": {"enabled": False}},
    "network policies both ways": {
        **USUAL,
        "networkPolicy": {
            "apiFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
            "exporterFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
            "egress": {"enabled": True, "more": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]},
        },
    },
    "network policies of URLs in Secrets": {
        **USUAL,
        "database": {"existingSecret": "servers", "urlKey": "database-url"},
        "broker": {"existingSecret": "servers", "urlKey": "broker-url"},
        "networkPolicy": {"egress": {"enabled": True}},
    },
    "monitored": {**USUAL, **MONITORING, "exporter": {"metricsToken": {"existingSecret": "token"}}},
    "images of theirs by digest": {
        **USUAL,
        "image": {"registry": "registry.example.org/ml/", "tag": "1.10", "pullSecrets": ["registry"]},
        "worker": {"image": {"digest": DIGEST}},
        "exporter": {"image": {"repository": "exporter", "tag": "2.0"}},
    },
    "names and addresses of theirs": {
        **USUAL,
        "fullnameOverride": "training",
        "clusterDomain": "k8s.example.org",
        "listenAddress": "::",
        "api": {**FIRST_KEY["api"], "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}}},
    },
    "a name of the chart's own": {**USUAL, "nameOverride": "ml"},
    "chosen nodes": {
        **USUAL,
        **dict.fromkeys(("worker", "maintenance", "exporter"), SCHEDULING),
        "api": {**FIRST_KEY["api"], **SCHEDULING},
        "migration": {"nodeSelector": {"disk": "ssd"}, "tolerations": SCHEDULING["tolerations"]},
    },
    "many settings": {
        **USUAL,
        "settings": {
            "LEASE_SECONDS": 60,
            "LEASE_RENEW_SECONDS": 7.5,
            "RETENTION_SECONDS": 7776000,
            "LIMITS__UPLOAD_BYTES": 21474836480,
            "LOG_FORMAT": "console",
            "LOG_LEVEL": "DEBUG",
            "DRAIN_GRACE_SECONDS": 20,
            "KEY_REQUESTS_PER_SECOND": 50,
        },
        "worker": {"concurrency": 1, "terminationGracePeriodSeconds": 60},
    },
    "as small as can be": {
        **USUAL,
        "api": {**FIRST_KEY["api"], "replicas": 1, "workers": 1, "disruptionBudget": {"enabled": False}},
        "worker": {"replicas": 0, "disruptionBudget": {"enabled": False}},
        "maintenance": {"replicas": 1},
        "serviceAccount": {"create": False},
    },
    "a database that is there already": {
        **USUAL,
        "migration": {"enabled": False},
        "api": {"bootstrapKey": {"enabled": False}},
        "serviceAccount": {"create": False, "name": "trainer"},
    },
    "limits of theirs": {
        **USUAL,
        "worker": {
            "resources": {"requests": {"cpu": 7.5, "memory": "28Gi"}, "limits": {"cpu": 8, "memory": "28Gi"}},
            "disruptionBudget": {"maxUnavailable": 3},
        },
    },
    "databases to read from": {
        **USUAL,
        "connections": {
            "warehouse": {"existingSecret": "warehouse", "key": "url"},
            "old_shop": {"existingSecret": "shop", "key": "url"},
        },
    },
}

# Wrong values on top of the usual ones, and what the refusal must name.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": ({"workers": 3}, "workers"),
    "an unknown value inside": ({"worker": {"replica": 3}}, "/worker"),
    "text for a number": ({"worker": {"replicas": "three"}}, "/worker/replicas"),
    "no slots": ({"worker": {"concurrency": 0}}, "/worker/concurrency"),
    "a negative number of replicas": ({"api": {"replicas": -1}}, "/api/replicas"),
    "a password in a URL": ({"database": {"url": "postgresql://ml:secret@db/ml"}}, "/database/url"),
    "another database": ({"database": {"url": "mysql://ml@db/ml"}}, "/database/url"),
    "another broker": ({"broker": {"url": "amqp://broker"}}, "/broker/url"),
    "no bucket": ({"storage": {"bucket": {"url": "https://models.s3.amazonaws.com"}}}, "/storage/bucket/url"),
    "a small cache": ({"storage": {"cacheBytes": 1000}}, "/storage/cacheBytes"),
    "no digest": ({"api": {"image": {"digest": "sha256:12"}}}, "/api/image/digest"),
    "an unknown setting": ({"settings": {"LEASE_SECOND": 60}}, "LEASE_SECOND"),
    "a setting of the wrong type": ({"settings": {"LEASE_SECONDS": "long"}}, "/settings/LEASE_SECONDS"),
    "a limit below one": ({"settings": {"LIMITS__PAGE": 0}}, "/settings/LIMITS__PAGE"),
    "a setting of the chart": ({"settings": {"DATABASE_URL": "postgresql://x@y/z"}}, "DATABASE_URL"),
    "a key that is none": ({"api": {"bootstrapKey": {"value": "admin"}}}, "/api/bootstrapKey/value"),
    "a short token": ({"exporter": {"metricsToken": {"value": "short"}}}, "/exporter/metricsToken/value"),
    "an unknown trigger": ({"keda": {"trigger": "redis"}}, "/keda/trigger"),
    "labels that are none": ({"keda": {"prometheus": {"selector": "cluster=west"}}}, "/keda/prometheus/selector"),
    "a host with a port": ({"allowedHosts": ["ml.example.org:443"]}, "/allowedHosts/0"),
    "no port": ({"api": {"service": {"port": 0}}}, "/api/service/port"),
    "no quantity": ({"worker": {"resources": {"limits": {"memory": "4 GB"}}}}, "/worker/resources/limits/memory"),
    "a grace below the drain's": (
        {"worker": {"terminationGracePeriodSeconds": 9}},
        "/worker/terminationGracePeriodSeconds",
    ),
    "a drain above the grace": (
        {"settings": {"DRAIN_GRACE_SECONDS": 28}},
        "/worker/terminationGracePeriodSeconds",
    ),
    "a bucket and a volume": ({"storage": {"claim": {"create": True}}}, "/storage: "),
    "a Secret and a password": ({"database": {"password": "x"}}, "/database/password"),
    "a URL and a Secret with one": ({"broker": {"urlKey": "url"}}, "/broker/url"),
    "two kinds of bucket keys": (
        {"storage": {"bucket": {"accessKeyId": "a", "secretAccessKey": "b"}}},
        "/storage/bucket/existingSecret",
    ),
    "a Secret and a key": ({"api": {"bootstrapKey": {"value": KEY}}}, "/api/bootstrapKey/value"),
    "a name without a certificate": ({"tls": {"serverName": "ml.example.org"}}, "/tls/existingSecret"),
    "one key for certificate and private key": (
        {"tls": {"existingSecret": "ml", "keyKey": "tls.crt"}},
        "/tls/keyKey",
    ),
    "a file of a certificate as a setting": ({"settings": {"TLS_CERT_FILE": "/tls.crt"}}, "TLS_CERT_FILE"),
    "an ingress without a name": ({"ingress": {"enabled": True}}, "/ingress/host"),
    "no Prometheus": ({"keda": {"enabled": True}}, "/keda/prometheus/serverAddress"),
    "more at least than at most": (
        {"keda": {"enabled": True, "minReplicas": 30, "prometheus": PROMETHEUS}},
        "/keda/minReplicas",
    ),
}
