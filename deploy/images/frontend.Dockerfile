# ocore-frontend: `ocore frontend`. Built by `cargo xtask images`, as backend.Dockerfile tells.
ARG BASE=debian:trixie-slim
FROM ${BASE}

# For an API that is reached by https.
RUN set -e; \
    if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update; \
      apt-get install -y --no-install-recommends ca-certificates; \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/log/*; \
    fi

ADD rootfs.tar /

ARG VERSION
LABEL org.opencontainers.image.title="ocore-frontend" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV HOME=/ \
    OCORE_LISTEN=0.0.0.0:3000
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=10s --start-period=20s --retries=3 CMD ["ocore", "health", "--path", "/health/frontend"]
ENTRYPOINT ["ocore"]
CMD ["frontend"]
