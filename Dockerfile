# The version is that of rust-toolchain.toml.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked

FROM debian:bookworm-slim
# To know an identity provider by its certificate, and to draw the letters of charts as PNG.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin almanac \
    && install --directory --owner almanac --group almanac --mode 700 /data
COPY --from=build /src/target/dist/almanac /usr/local/bin/almanac
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
ENV ALMANAC_BIND=0.0.0.0:8080 \
    ALMANAC_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
# The image has no curl; bash opens the connection. Does not ask the database: while that is away, reads go on.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '\"ok\"' <&3"]
ENTRYPOINT ["almanac"]
