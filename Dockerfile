# Image of the portal: web, worker and beat are the same image with another command.
FROM python:3.11-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY manage.py ./
COPY extranet ./extranet
COPY conventions ./conventions
COPY habilitations ./habilitations
COPY demandes ./demandes
COPY templates ./templates
RUN EXTRANET_DATA_DIR=/tmp/build /opt/venv/bin/python manage.py collectstatic --noinput \
    && rm -rf /tmp/build

FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH="/opt/venv/bin:$PATH" \
    EXTRANET_ENV=production \
    EXTRANET_DATA_DIR=/data
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 extranet \
    && useradd --system --uid 10001 --gid extranet --home-dir /data --shell /usr/sbin/nologin extranet \
    && install -d -o extranet -g extranet -m 0700 /data /keys
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
VOLUME ["/data", "/keys"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u, urllib.parse as p; u.urlopen(u.Request('http://127.0.0.1:8000/sante/vivant', headers={'Host': p.urlsplit(os.environ['EXTRANET_PUBLIC_URL']).netloc}), timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "16", "--respawn-failed-workers", "--workers-kill-timeout", "8", "extranet.wsgi:application"]
