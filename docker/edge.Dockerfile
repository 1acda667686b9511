# syntax=docker/dockerfile:1
# The edge without Cloudflare: its bundle on plain workerd. docker build -f docker/edge.Dockerfile -t glm-web-edge .
FROM node:24-bookworm-slim AS bundle
# host:port of the backend as the edge reaches it.
ARG BACKEND=backend:8080
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.base.json wrangler.toml ./
COPY shared ./shared
COPY edge ./edge
RUN npm run edge:build -- --out /edge --listen 0.0.0.0:8787 --backend "$BACKEND" --storage /data \
    && cp "$(node -p "require.resolve('workerd/bin/workerd')")" /edge/workerd

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 glm \
    && useradd --uid 10001 --gid glm --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin glm \
    && install -d -o glm -g glm /data
COPY --from=bundle /edge /edge
USER 10001:10001
# Keys, limits and quotas.
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
ENTRYPOINT ["/edge/workerd"]
CMD ["serve", "/edge/workerd.capnp"]
