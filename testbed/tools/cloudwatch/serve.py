"""CloudWatch Logs by moto, with TLS: serve.py PORT CERTIFICATE KEY.

moto writes the header of a request's id in small letters. Amazon writes `x-amzn-RequestId`, and Fluent Bit, which tells by it
whether an answer is Amazon's, sends everything again otherwise."""

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

port, certificate, key = sys.argv[1:]
moto = DomainDispatcherApplication(create_backend_app)


def amazon(environ, start_response):
    def start(status, headers, *more):
        spelled = [("x-amzn-RequestId" if name.lower() == "x-amzn-requestid" else name, value) for name, value in headers]
        return start_response(status, spelled, *more)

    return moto(environ, start)


run_simple("127.0.0.1", int(port), amazon, threaded=True, ssl_context=(certificate, key))
