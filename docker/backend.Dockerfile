# syntax=docker/dockerfile:1
# The backend on the CPU: docker build -f docker/backend.Dockerfile -t glm-web .

# npm's lockfile brings Node itself (the package `node`): the same one here as on every desk.
FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund \
    && cd node_modules/onnxruntime-node/bin/napi-v6 \
    && rm -rf win32 darwin \
    && find linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -rf {} + \
    && rm -rf /app/node_modules/node/node_modules /root/.npm

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 glm \
    && useradd --uid 10001 --gid glm --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin glm \
    && install -d -o glm -g glm /cache
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY models ./models
COPY examples ./examples
COPY bin ./bin
COPY shared ./shared
COPY backend ./backend
ENV PATH=/app/node_modules/node/bin:$PATH \
    NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    GLM_HOST=0.0.0.0 \
    GLM_PORT=8080 \
    GLM_CACHE_DIR=/cache
USER 10001:10001
# Conversions; everything else may be read-only.
VOLUME /cache
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["node", "/app/bin/healthcheck.js"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/glm.js"]
CMD ["serve"]
