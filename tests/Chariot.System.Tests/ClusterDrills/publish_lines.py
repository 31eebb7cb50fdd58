"""Publishes what it is told on standard input, a line "QOS TOPIC PAYLOAD" each, and answers "done" when the broker has.

publish_lines.py PORT CLIENTID
"""
import sys

import paho.mqtt.client as mqtt

port, client_id = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client(client_id=client_id)
client.connect("127.0.0.1", port, keepalive=0)
client.loop_start()
for line in sys.stdin:
    qos, topic, payload = line.split()
    message = client.publish(topic, payload, int(qos))
    message.wait_for_publish()
    print("done", flush=True)
client.disconnect()
client.loop_stop()
