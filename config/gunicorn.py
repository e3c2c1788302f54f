"""How gunicorn serves the web process. The environment decides PORT and WEB_CONCURRENCY."""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8080')}"
worker_class = "gthread"  # `sync` stalls on idle kept-alive connections when no proxy stands in front
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
preload_app = False  # database handles and the writer thread must not be inherited by a fork
timeout = 30
graceful_timeout = 20  # hosts kill 30 s after SIGTERM
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
accesslog = None  # queries and webhook paths may hold secrets; the bridge writes its own line for each attempt
control_socket_disable = True
