# ocore-backend: `ocore serve`. Built by `cargo xtask images`, whose context holds rootfs.tar: the programs, each with its
# owner, its mode and the time SOURCE_DATE_EPOCH, so that the same programs make the same layer.
ARG BASE=debian:trixie-slim
FROM ${BASE}

# A base that has all this already, as where no registry can be reached, is left as it is.
RUN set -e; \
    if ! command -v pg_dump >/dev/null || [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update; \
      apt-get install -y --no-install-recommends ca-certificates postgresql-client; \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/log/*; \
    fi

ADD rootfs.tar /

ARG VERSION
LABEL org.opencontainers.image.title="ocore-backend" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV HOME=/var/lib/ocore \
    OCORE_DATA_DIR=/var/lib/ocore \
    OCORE_LISTEN=0.0.0.0:8080
# It has no name in /etc/passwd and needs none.
USER 10001:10001
VOLUME /var/lib/ocore
WORKDIR /var/lib/ocore
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 CMD ["ocore", "health"]
ENTRYPOINT ["ocore"]
CMD ["serve"]
