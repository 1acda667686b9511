# syntax=docker/dockerfile:1
# The backend on an NVIDIA GPU (--device cuda:0), or on any GPU through Vulkan (--device webgpu:0):
#   docker build -f docker/backend-gpu.Dockerfile -t glm-web:gpu .
#   docker run --gpus all ...
FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# .npmrc leaves CUDA's provider out; here it is asked for.
RUN npm ci --omit=dev --no-audit --no-fund \
    && ONNXRUNTIME_NODE_INSTALL=cuda12 npm_config_onnxruntime_node_install=cuda12 npm rebuild onnxruntime-node \
    && cd node_modules/onnxruntime-node/bin/napi-v6 \
    && rm -rf win32 darwin \
    && find linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -rf {} + \
    && rm -rf /app/node_modules/node/node_modules /root/.npm

# CUDA 12 and cuDNN 9 come with the image, the driver from the host (NVIDIA Container Toolkit).
FROM nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 libvulkan1 mesa-vulkan-drivers \
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
# `graphics` mounts the driver's Vulkan, which WebGPU needs.
ENV PATH=/app/node_modules/node/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics \
    NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    GLM_HOST=0.0.0.0 \
    GLM_PORT=8080 \
    GLM_CACHE_DIR=/cache \
    GLM_DEVICE=cuda:0
USER 10001:10001
VOLUME /cache
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=900s --retries=3 \
    CMD ["node", "/app/bin/healthcheck.js"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/glm.js"]
CMD ["serve"]
