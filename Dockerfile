# The project with everything that requirements.lock pins, on the CPU or on NVIDIA GPUs (PyPI's torch holds CUDA).
# Build: docker build -t ml_core .
# Run:   docker run --rm -v "$PWD/logs:/app/logs" ml_core experiment=example
FROM python:3.12-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 user

WORKDIR /app
RUN chown user:user /app
USER user

COPY --chown=user:user . .
RUN make setup && rm -rf ~/.cache

ENTRYPOINT [".venv/bin/python", "ml_core/train.py"]
CMD ["experiment=example"]
