#!/usr/bin/env python3
"""A receiver of OTLP over HTTP that keeps each body as a file.

usage: tests/receivers/otlp_store.py PORT FOLDER

A body that the official definitions of protobuf cannot decode, or that has a metric `refused`, is answered with 400.
"""

import gzip
import http.server
import os
import sys
import time

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status = 404
        if self.path == "/v1/metrics" and self.headers["Content-Type"] == "application/x-protobuf":
            status = self.keep(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def keep(self, body):
        try:
            request = ExportMetricsServiceRequest.FromString(body)
        except DecodeError:
            return 400
        scopes = [scope for resource in request.resource_metrics for scope in resource.scope_metrics]
        if any(metric.name == "refused" for scope in scopes for metric in scope.metrics):
            return 400
        # A body is there as a whole or not at all, also if this program is killed.
        path = os.path.join(sys.argv[2], str(time.time_ns()))
        with open(path + ".part", "wb") as file:
            file.write(body)
        os.rename(path + ".part", path)
        return 200

    def log_message(self, *_):
        pass


os.makedirs(sys.argv[2], exist_ok=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
