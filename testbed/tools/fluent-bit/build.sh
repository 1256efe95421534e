#!/bin/sh
# Builds Fluent Bit from the source in its npm package: build.sh SOURCE BUILD PROGRAM. Its own regular expressions (Onigmo) are not in
# the package; Debian's Oniguruma, of which Onigmo is a fork, takes their place (onigmo.cmake, onigmo.h). Left out is what oCore's
# configuration does not use.
set -eu
source=$1 build=$2 program=$3 here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$build"
mkdir -p "$build/include"
cp -r "$source" "$build/source"
cp "$here/onigmo.cmake" "$build/source/cmake/onigmo.cmake"
echo '#include <oniguruma.h>' >"$build/include/onigmo.h"

set -- -DCMAKE_BUILD_TYPE=Release -DFLB_RELEASE=Yes -DFLB_DEBUG=No "-DONIGMO_INCLUDE=$build/include"
for off in EXAMPLES SHARED_LIB BACKTRACE JEMALLOC CUSTOM_CALYPTIA PROXY_GO \
    IN_CPU IN_THERMAL IN_DISK IN_DOCKER IN_DOCKER_EVENTS IN_MEM IN_KMSG IN_RANDOM IN_SERIAL IN_MQTT IN_HEAD IN_PROC IN_NETIF \
    IN_COLLECTD IN_STATSD IN_NODE_EXPORTER_METRICS \
    FILTER_ALTER_SIZE FILTER_AWS FILTER_CHECKLIST FILTER_KUBERNETES FILTER_GEOIP2 FILTER_TENSORFLOW \
    OUT_AZURE OUT_AZURE_BLOB OUT_BIGQUERY OUT_CALYPTIA OUT_DATADOG OUT_GELF OUT_INFLUXDB OUT_KAFKA OUT_KAFKA_REST \
    OUT_KINESIS_FIREHOSE OUT_KINESIS_STREAMS OUT_LOGDNA OUT_NATS OUT_NRLOGS OUT_PGSQL OUT_PLOT OUT_PROMETHEUS_REMOTE_WRITE OUT_S3 \
    OUT_SLACK OUT_SPLUNK OUT_STACKDRIVER OUT_TD OUT_WEBSOCKET; do
    set -- "$@" "-DFLB_$off=No"
done
mkdir "$build/build"
cd "$build/build"
cmake "$build/source" "$@"
make -j"$(nproc)" fluent-bit-bin
strip -o "$program" bin/fluent-bit
