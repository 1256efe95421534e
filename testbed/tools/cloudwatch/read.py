"""Prints the events of a log group, one JSON object a line: read.py ADDRESS GROUP."""

import json
import sys

import boto3
from botocore.config import Config

address, group = sys.argv[1:]
client = boto3.client(
    "logs",
    endpoint_url=address,
    region_name="eu-central-1",
    aws_access_key_id="reader",
    aws_secret_access_key="reader",
    config=Config(retries={"max_attempts": 1}),
)
try:
    streams = client.describe_log_streams(logGroupName=group)["logStreams"]
except client.exceptions.ResourceNotFoundException:
    streams = []
for stream in (each["logStreamName"] for each in streams):
    token = None
    while True:
        more = {"nextToken": token} if token else {}
        page = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **more)
        for event in page["events"]:
            print(json.dumps({"stream": stream, "timestamp": event["timestamp"], "message": event["message"]}))
        if page["nextForwardToken"] == token or not page["events"]:
            break
        token = page["nextForwardToken"]
