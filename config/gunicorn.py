"""How gunicorn serves the web process. The environment decides PORT and WEB_CONCURRENCY."""

import os

from gunicorn.workers.gthread import ThreadWorker


class Ending(ThreadWorker):
    """
    Threads, and an end at which nobody who called is left without an answer.

    gunicorn's own worker leaves what the kernel has taken in for it waiting when it is told to end, and hangs up on it
    at last; a router may not send that to another process, because it may have been handled
    (github.com/benoitc/gunicorn/issues/3397, seen with 27.0).
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self.wsgi.extensions["ending"].set()  # pages that are kept up to date end now, and come back elsewhere
            for listener in self.sockets:
                before = -1
                while before < self.nr_conns:
                    before = self.nr_conns
                    self.accept(listener)
                listener.close()  # whoever comes now is refused at once, and goes elsewhere


bind = f"0.0.0.0:{os.environ.get('PORT', '8080')}"
worker_class = Ending  # with threads: `sync` stalls on idle kept-alive connections when no proxy stands in front
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
# Heroku's router keeps idle connections for 90 s: it must be the one that closes them, or it sends into a closing one
keepalive = 95
preload_app = False  # database handles and the writer thread must not be inherited by a fork
timeout = 30
graceful_timeout = 20  # hosts kill 30 s after SIGTERM
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
accesslog = None  # queries and webhook paths may hold secrets; the bridge writes its own line for each attempt
control_socket_disable = True
