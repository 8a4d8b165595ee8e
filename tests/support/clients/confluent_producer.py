"""Sends records with confluent-kafka: BROKERS TOPIC; {"key", "value"} by line on standard input.

A third argument makes all of it one transaction: "commit", or "abort" after the brokers have it.
"""

import json
import sys

from confluent_kafka import Producer

brokers, topic, *transaction = sys.argv[1:]
config = {
    "bootstrap.servers": brokers,
    "enable.idempotence": True,
    "compression.type": "zstd",
    "partitioner": "murmur2_random",
}
if transaction:
    config["transactional.id"] = f"{topic}-{transaction[0]}"
producer = Producer(config)
sent = 0


def delivered(error, _message):
    global sent
    if error is not None:
        sys.exit(f"not delivered: {error}")
    sent += 1


if transaction:
    producer.init_transactions(30)
    producer.begin_transaction()
for record in map(json.loads, sys.stdin):
    headers = {"trace": b"\x00\xff", "empty": None}
    producer.produce(topic, headers=headers, on_delivery=delivered, **record)
    producer.poll(0)
left = producer.flush(30)
if left:
    sys.exit(f"{left} records are not delivered")
if transaction == ["commit"]:
    producer.commit_transaction(30)
elif transaction == ["abort"]:
    producer.abort_transaction(30)
print(sent)
