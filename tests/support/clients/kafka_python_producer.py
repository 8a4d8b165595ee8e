"""Sends records with kafka-python: BROKERS TOPIC; {"key", "value"} by line on standard input."""

import json
import sys

from kafka import KafkaProducer

brokers, topic = sys.argv[1:]
producer = KafkaProducer(
    bootstrap_servers=brokers,
    acks="all",
    enable_idempotence=True,
    compression_type="gzip",
    key_serializer=str.encode,
    value_serializer=lambda value: None if value is None else value.encode(),
)
sent = [
    producer.send(topic, headers=[("trace", b"\x00\xff"), ("by", b"kafka-python")], **record)
    for record in map(json.loads, sys.stdin)
]
producer.flush()
for each in sent:
    each.get(timeout=30)
producer.close()
print(len(sent))
