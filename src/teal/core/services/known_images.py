"""Images, data paths and variables by which a store, a front, a monitor and the like are known.

An image is known by the last part of its name; one whose last part is anybody's word (``server``, ``agent``) by its
last two. Official images of such names are written with ``library/``, as Docker Hub itself does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_BY_KIND: Mapping[str, str] = {
    "database": """
        postgres postgis timescaledb timescaledb-ha pgvector postgresql postgresql-repmgr edge-postgres citus
        paradedb pgvecto-rs vectorchord spilo immich-app/postgres mysql mysql-server mariadb mariadb-galera
        percona percona-server percona-xtradb-cluster mongo mongodb mongodb-community-server
        percona-server-mongodb ferretdb cockroach yugabyte tidb tikv couchdb couchbase neo4j memgraph
        nebula-graphd nebula-metad nebula-storaged cassandra scylla dse-server clickhouse clickhouse-server
        clickhouse-keeper influxdb influxdb3-core questdb tdengine dgraph janusgraph arangodb arangodb-preview
        orientdb surrealdb rethinkdb ravendb libsql-server rqlite edgedb library/gel geldata/gel db2
        db2_community mssql/server azure-sql-edge mssql-server oracle-xe oracle-free oracle/database firebird
        cratedb crate/crate library/crate apache/druid apachepinot/pinot starrocks-fe trinodb/trino hbase
        hadoop-namenode hadoop-datanode immudb fluree eventstore eventstoredb dolt-sql-server singlestoredb-dev
        dynamodb-local tigerbeetle aerospike aerospike-server apacheignite/ignite hazelcast pgbouncer pgpool
        pgpool-ii pgcat odyssey proxysql maxscale etcd consul hashicorp/consul zookeeper stolon
    """,
    "search or vector store": """
        elasticsearch opensearch opensearch-dashboards kibana solr meilisearch typesense qdrant weaviate milvus
        chroma chromadb vespaengine/vespa manticore zincsearch valeriansaliou/sonic quickwit marqo lancedb
        semitechnologies/weaviate openobserve sphinxsearch
    """,
    "cache or queue": """
        redis redis-stack redis-stack-server redis-sentinel redis-cluster redismod rejson redisearch redisgraph
        falkordb valkey valkey-bundle valkey-cluster keydb dragonfly dragonflydb garnet garnet-alpine kvrocks
        memcached rabbitmq lavinmq nats nats-streaming nats-server kafka kafka-native cp-kafka cp-server
        cp-zookeeper cp-schema-registry cp-kafka-connect redpanda pulsar pulsar-all activemq activemq-artemis
        activemq-classic artemis eclipse-mosquitto mosquitto emqx vernemq hivemq4 hivemq-ce nanomq beanstalkd
        rocketmq library/nats disque gearmand nsq
    """,
    "object store": """
        minio seaweedfs localstack localstack-pro azurite fake-gcs-server dxflrs/garage ceph zenko-cloudserver
        cloudserver s3mock s3ninja motoserver/moto rustfs adobe/s3mock adobe/s3mock-latest samba sftp atmoz/sftp
        nfs-server proftpd pure-ftpd library/registry
    """,
    "mail service": """
        mailhog mailpit maildev postfix docker-mailserver boky/postfix docker-postfix bytemark/smtp namshi/smtp
        inbucket exim-relay smtp4dev mailcatcher greenmail dovecot stalwart stalwart-mail-server mail-server
        rspamd clamav mailcrab papercut smtp-relay
    """,
    "monitoring service": """
        prometheus grafana grafana-oss grafana-enterprise grafana-image-renderer loki promtail grafana/alloy
        tempo grafana/mimir pyroscope jaeger all-in-one alertmanager node-exporter cadvisor postgres-exporter
        postgres_exporter redis_exporter blackbox-exporter pushgateway thanos victoria-metrics victoria-logs
        vmagent vmalert otel-collector opentelemetry-collector opentelemetry-collector-contrib
        opentelemetry-collector-releases aws-otel-collector vector fluentd fluent-bit logstash filebeat
        metricbeat beats/heartbeat packetbeat auditbeat elastic-agent apm-server telegraf timberio/vector
        kapacitor chronograf netdata uptime-kuma gatus beszel beszel-agent dozzle nicolargo/glances portainer
        portainer-ce portainer-ee watchtower diun autoheal ouroboros shepherd datadog/agent datadog-agent
        grafana/agent newrelic/infrastructure zabbix-agent zabbix-agent2 zipkin graphite statsd graphite-statsd
        docker-graphite-statsd statsd-exporter syslog-ng rsyslog datalust/seq graylog checkmk crowdsec fail2ban
        wazuh-agent falcosecurity/falco parca signoz-otel-collector hyperdx portainer/agent swarmpit/agent
        sematext/agent umputun/docker-logger
    """,
    "administration service": """
        adminer pgadmin4 phpmyadmin pgweb redis-commander redisinsight phpredisadmin mongo-express mongoku
        dbgate cloudbeaver kafka-ui provectuslabs/kafka-ui kafdrop akhq redpanda-console redpandadata/console
        elasticvue cerebro dejavu opensearch-dashboard influxdb-ui sqlpad rabbitmq-management
    """,
    "secret store": """
        library/vault hashicorp/vault openbao infisical-vault
    """,
    "helper of the engine": """
        docker-socket-proxy socket-proxy docker-gen docker-proxy docker-registry-proxy dind library/docker
        docker-in-docker buildkit binfmt docker-volume-backup-agent doco-cd sablier
    """,
    "tunnel or VPN": """
        gluetun wireguard wg-easy openvpn openvpn-client openvpn-as tailscale zerotier headscale headplane
        netbird nebula firezone-gateway warp-docker frps softether
    """,
    "DNS or network service": """
        pihole pi-hole adguardhome adguard unbound bind9 coredns dnsmasq technitium dns-server cloudflare-ddns
        cloudflare-dyndns ddns-updater duckdns docker-ddns ddclient inadyn ntp chrony ubuntu/squid microsocks
        avahi mdns-reflector openldap 389ds freeipa-server samba-ad-dc coturn turnserver freeradius-server tftp
        netbootxyz
    """,
    "media server for calls": """
        livekit-server livekit/ingress livekit/egress janus-gateway mediasoup-demo kurento-media-server jvb
        jicofo prosody mediamtx ossrs/srs asterisk freeswitch kamailio opensips rtpengine teamspeak
        teamspeak3-server mumble-server murmur
    """,
    "game server": """
        minecraft-server minecraft-bedrock-server bungeecord mc-proxy valheim-server valheim terraria factorio
        satisfactory-server palworld-server-docker steamcmd csgo cs2 rust-server ark-server enshrouded
        project-zomboid 7dtd-server luanti minetest
    """,
    "model server": """
        ollama vllm-openai vllm text-generation-inference text-embeddings-inference localai local-ai llama.cpp
        llamacpp xinference tritonserver michaelf34/infinity lmdeploy sglang faster-whisper-server speaches
        whisper-asr-webservice wyoming-whisper wyoming-piper kokoro-fastapi-cpu kokoro-fastapi-gpu
    """,
    "browser or converter": """
        browserless browserless/chromium browserless/chrome standalone-chrome standalone-firefox standalone-edge
        standalone-chromium selenium-hub node-chrome node-firefox selenium/hub gotenberg headless-shell
        alpine-chrome flaresolverr tika apache-tika unoserver scrapinghub/splash playwright
        mcr.microsoft.com/playwright docker-chromium selenoid
    """,
}
IMAGES: Mapping[str, str] = {image: kind for kind, images in _BY_KIND.items() for image in images.split()}

STORES = frozenset(
    {"database", "search or vector store", "cache or queue", "object store", "mail service", "secret store"}
)

# Words that make a store of an image or a service that is not known, where nothing speaks against it.
_STORE_WORDS = """
    db database postgres postgresql postgis timescaledb mysql mariadb percona mongo mongodb redis valkey keydb
    dragonfly memcache memcached rabbit rabbitmq mq amqp kafka zookeeper nats mqtt mosquitto elastic elasticsearch
    opensearch solr meilisearch typesense clickhouse cassandra scylla influx influxdb couchdb neo4j arangodb cockroach
    cockroachdb minio s3 etcd qdrant milvus weaviate mssql sqlserver datastore
"""
STORE_WORDS = frozenset(_STORE_WORDS.split())
# Words beside those that make a client of it, or a tool.
_OF_CLIENTS = """
    api app web ui admin client backup backups dump restore exporter migrate migration migrator init setup seed proxy
    express commander insight connect connector consumer producer worker operator manager console dashboard rest
    sync viewer browser gui cli cron job bootstrap http graphql gateway tools utils check wait healthcheck
    example
"""
_NO_STORE = frozenset(_OF_CLIENTS.split())

FRONTS: Mapping[str, str] = {
    name: software
    for software, names in {
        "nginx": """nginx nginx-unprivileged nginx-certbot openresty openresty-certbot angie freenginx tengine
            nginx-extras nginx-brotli nginx-ldap nginx-alpine modsecurity-crs nginx-quic docker-nginx-auto-ssl""",
        "caddy": "caddy caddy-l4 caddy-cloudflare caddy-dns caddy-security",
        "haproxy": "haproxy haproxy-alpine haproxy-lego",
        "envoy": "envoy envoy-distroless envoy-alpine",
        "kong": "kong kong-gateway",
        "httpd": "httpd httpd-ssl apache2",
        "varnish": "varnish",
        "gateway": """apisix krakend tyk-gateway gravitee-apim-gateway pomerium oauth2-proxy oauth2_proxy
            traefik-forward-auth anubis lura fabio skipper express-gateway sozu gobetween ferron nghttpx hitch
            vouch-proxy""",
        "proxy manager": """nginx-proxy-manager nginx-proxy-manager-zh npmplus nginxproxymanager swag zoraxy bunkerweb
            nginx-ui nginxwebui goproxy pangolin cosmos-server caddymanager""",
        "labels": """traefik nginx-proxy caddy-docker-proxy caddy-proxy docker-flow-proxy dockercloud-haproxy
            easyhaproxy""",
        "tunnel": """cloudflared ngrok frpc frp rathole ekzhang/bore localtunnel zrok inlets chisel fosrl/newt playit
            pagekite sish autossh boringproxy pinggy jprq tunnelto cloudflared-tunnel""",
    }.items()
    for name in names.split()
}
"""Images that lead users in, by what they are told in; ``labels`` ones read those of other containers."""

READERS: Mapping[str, str] = {
    "traefik": "traefik",
    "nginx-proxy": "variables",
    "docker-gen": "variables",
    "caddy-docker-proxy": "caddy",
    "caddy-proxy": "caddy",
}
"""What a front of labels reads: those of which prefix, or variables."""

COMPANIONS = frozenset(
    {"acme-companion", "letsencrypt-nginx-proxy-companion", "docker-letsencrypt-nginx-proxy-companion"}
)
EXCLUSIVE_DEVICES = re.compile(r"tty|zigbee|zwave|serial|usb|video|hidraw|input|gpio|i2c|spi|coral|apex")

DATA_PATHS = (
    "/var/lib/postgresql",
    "/home/postgres/pgdata",
    "/pgdata",
    "/bitnami/postgresql",
    "/var/lib/mysql",
    "/bitnami/mariadb",
    "/bitnami/mysql",
    "/var/lib/mariadb",
    "/data/db",
    "/data/configdb",
    "/bitnami/mongodb",
    "/bitnami/redis",
    "/bitnami/kafka",
    "/bitnami/minio",
    "/bitnami/rabbitmq",
    "/bitnami/elasticsearch",
    "/var/lib/rabbitmq",
    "/var/lib/lavinmq",
    "/var/lib/clickhouse",
    "/var/lib/cassandra",
    "/var/lib/scylla",
    "/var/lib/influxdb",
    "/var/lib/influxdb2",
    "/var/lib/neo4j",
    "/var/lib/kafka",
    "/var/lib/zookeeper",
    "/var/lib/redis",
    "/var/lib/valkey",
    "/var/lib/mongodb",
    "/var/lib/questdb",
    "/var/lib/milvus",
    "/var/lib/sonic",
    "/var/lib/arangodb3",
    "/var/lib/couchdb",
    "/opt/couchdb/data",
    "/opt/couchbase/var",
    "/var/solr",
    "/usr/share/elasticsearch/data",
    "/usr/share/opensearch/data",
    "/qdrant/storage",
    "/meili_data",
    "/cockroach/cockroach-data",
    "/var/opt/mssql",
    "/opt/oracle/oradata",
    "/victoria-metrics-data",
)

SERVER_VARIABLES: Mapping[str, str] = {
    "POSTGRES_PASSWORD": "postgres",
    "POSTGRES_HOST_AUTH_METHOD": "postgres",
    "POSTGRESQL_PASSWORD": "postgres",
    "POSTGRESQL_REPLICATION_MODE": "postgres",
    "MYSQL_ROOT_PASSWORD": "mysql",
    "MYSQL_ALLOW_EMPTY_PASSWORD": "mysql",
    "MYSQL_RANDOM_ROOT_PASSWORD": "mysql",
    "MARIADB_ROOT_PASSWORD": "mysql",
    "MARIADB_RANDOM_ROOT_PASSWORD": "mysql",
    "MONGO_INITDB_ROOT_PASSWORD": "mongo",
    "MONGO_INITDB_ROOT_USERNAME": "mongo",
    "RABBITMQ_DEFAULT_PASS": "rabbitmq",
    "MINIO_ROOT_PASSWORD": "minio",
    "MINIO_ROOT_USER": "minio",
    "NEO4J_AUTH": "neo4j",
    "CLICKHOUSE_PASSWORD": "clickhouse",
    "INFLUXDB_ADMIN_PASSWORD": "influxdb",
    "DOCKER_INFLUXDB_INIT_MODE": "influxdb",
    "MSSQL_SA_PASSWORD": "mssql",
    "ACCEPT_EULA": "mssql",
}
"""What a server is given at its first start, with the kind of server. Its clients hold these, too: no proof alone."""

VARIABLES = frozenset(SERVER_VARIABLES)
_DRIVE = re.compile(r"[A-Za-z]:(?=/)")


def known(image: str) -> str:
    """Return what kind of service *image* is known to be; empty for none."""
    two, one = parts_of(image)
    return IMAGES.get(two) or IMAGES.get(one) or ("monitoring service" if "exporter" in words(one) else "")


def software(image: str) -> str:
    """Return which front *image* is, by what it is told in; empty for none."""
    two, one = parts_of(image)
    return FRONTS.get(two) or FRONTS.get(one, "")


def parts_of(image: str) -> tuple[str, str]:
    """Return the last two parts of an image's name as one, and the last, without tag or digest, in lower case."""
    path = image.split("@")[0].lower().split("/")
    path[-1] = path[-1].split(":")[0]
    owner = path[-2] if len(path) > 1 else "library"
    return f"{owner}/{path[-1]}", path[-1]


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case."""
    return tuple(word for word in re.split(r"[^a-z0-9]+", name.lower()) if word)


def sounds_like_a_store(name: str) -> str:
    """Return the word that makes *name* a store's: it ends in it, or begins with it and is no client's; or empty."""
    found = words(name)
    if not found or _NO_STORE & set(found):
        return ""
    ends = found[-1] if not found[-1].isdigit() else (found[-2] if len(found) > 1 else "")
    return next(
        (word for word in (ends, found[0]) if word.rstrip("0123456789") in STORE_WORDS or word in STORE_WORDS), ""
    )


def on_data_path(target: str) -> bool:
    """Tell whether *target* in a container is, or lies in, the place where a known database keeps its data."""
    target = _DRIVE.sub("", target, count=1)  # Compose takes a volume of one letter (v:/data) for a drive of Windows
    return any(target == path or target.startswith(path + "/") for path in DATA_PATHS)
