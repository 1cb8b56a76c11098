# Build: docker build -t twinthread .    docs/installing.md explains how to run it.
FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --only-binary :all: --require-hashes -r requirements.lock
COPY . .
# The key is for this command alone: it stores nothing that depends on it.
RUN SECRET_KEY=build /venv/bin/python manage.py collectstatic --noinput \
    && /venv/bin/python -m compileall -q /app

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 twinthread \
    && useradd --uid 10001 --gid twinthread --no-create-home --home-dir /nonexistent twinthread \
    && install -d -o twinthread -g twinthread /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:////data/twinthread.sqlite3
USER 10001:10001
# Without compose.yaml, which brings PostgreSQL, the SQLite database is kept here.
VOLUME /data
EXPOSE 8000
# /healthz does not depend on the database: an outage of it restarts no container.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "config.healthcheck", "/healthz"]
CMD ["gunicorn"]
