# ocore-pgbouncer: PgBouncer of Debian in transaction mode. Built by `cargo xtask images`.
ARG BASE=debian:trixie-slim
FROM ${BASE}

RUN set -e; \
    if ! command -v pgbouncer >/dev/null || ! command -v pg_isready >/dev/null; then \
      apt-get update; \
      apt-get install -y --no-install-recommends ca-certificates pgbouncer postgresql-client; \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/log/*; \
    fi

ADD rootfs.tar /

ARG VERSION
LABEL org.opencontainers.image.title="ocore-pgbouncer" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
USER 10001:10001
EXPOSE 6432
# What waits for its turn is let go by the backends, not here.
STOPSIGNAL SIGINT
# The user is named, since this one has no name that could be looked up.
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=3 CMD ["pg_isready", "-q", "-h", "127.0.0.1", "-p", "6432", "-U", "ocore", "-d", "ocore"]
ENTRYPOINT ["/usr/local/bin/ocore-pgbouncer"]
