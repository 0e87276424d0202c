"""Images, data paths and variables by which a database, queue, proxy, mail or monitoring service is known."""

from __future__ import annotations

from collections.abc import Mapping

_BY_KIND: Mapping[str, str] = {
    "database": """postgres postgis timescaledb timescaledb-ha pgvector postgresql mysql mysql-server mariadb mongo
        mongodb mongodb-community-server cockroach couchdb neo4j cassandra scylla clickhouse clickhouse-server influxdb
        questdb dgraph arangodb surrealdb rethinkdb libsql-server edgedb gel db2 mssql server pgbouncer pgpool etcd
        consul zookeeper""",
    "search or vector store": """elasticsearch opensearch opensearch-dashboards kibana solr meilisearch typesense
        qdrant weaviate milvus chroma vespa manticore zincsearch""",
    "cache or queue": """redis redis-stack redis-stack-server valkey keydb dragonfly memcached rabbitmq nats
        nats-streaming kafka cp-kafka cp-zookeeper redpanda pulsar activemq activemq-artemis mosquitto emqx
        beanstalkd sentinel""",
    "object store": "minio seaweedfs localstack azurite fake-gcs-server garage",
    "proxy": """caddy nginx nginx-unprivileged nginx-proxy traefik haproxy envoy kong httpd openresty apisix
        nginx-proxy-manager acme-companion docker-socket-proxy cloudflared varnish""",
    "mail service": "mailhog mailpit maildev postfix docker-mailserver smtp inbucket exim-relay",
    "monitoring service": """prometheus grafana loki promtail alloy tempo jaeger all-in-one alertmanager node-exporter
        cadvisor postgres-exporter postgres_exporter redis_exporter blackbox-exporter pushgateway victoria-metrics
        otel-collector opentelemetry-collector opentelemetry-collector-contrib vector fluentd fluent-bit telegraf
        netdata uptime-kuma dozzle portainer portainer-ce watchtower datadog agent zipkin graphite statsd""",
    "administration service": "adminer pgadmin4 phpmyadmin redis-commander redisinsight mongo-express",
    "secret store": "vault",
}
IMAGES: Mapping[str, str] = {image: kind for kind, images in _BY_KIND.items() for image in images.split()}

DATA_PATHS = (
    "/var/lib/postgresql",
    "/home/postgres/pgdata",
    "/bitnami/postgresql",
    "/var/lib/mysql",
    "/bitnami/mariadb",
    "/bitnami/mysql",
    "/var/lib/mariadb",
    "/data/db",
    "/bitnami/mongodb",
    "/var/lib/rabbitmq",
    "/var/lib/clickhouse",
    "/var/lib/cassandra",
    "/var/lib/influxdb",
    "/var/lib/neo4j",
    "/var/lib/kafka",
    "/usr/share/elasticsearch/data",
    "/usr/share/opensearch/data",
    "/qdrant/storage",
    "/meili_data",
    "/cockroach/cockroach-data",
    "/var/opt/mssql",
)

VARIABLES = frozenset(
    {
        "POSTGRES_PASSWORD",
        "POSTGRES_HOST_AUTH_METHOD",
        "MYSQL_ROOT_PASSWORD",
        "MARIADB_ROOT_PASSWORD",
        "MONGO_INITDB_ROOT_PASSWORD",
        "MONGO_INITDB_ROOT_USERNAME",
        "RABBITMQ_DEFAULT_PASS",
        "MINIO_ROOT_PASSWORD",
        "NEO4J_AUTH",
        "CLICKHOUSE_PASSWORD",
        "INFLUXDB_ADMIN_PASSWORD",
    }
)


def on_data_path(target: str) -> bool:
    """Tell whether *target* in a container is, or lies in, the place where a known database keeps its data."""
    return any(target == path or target.startswith(path + "/") for path in DATA_PATHS)
