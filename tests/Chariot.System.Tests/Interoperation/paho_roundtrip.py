"""One QoS 1 round trip with paho-mqtt over TLS. Prints 'received <payload>' or 'refused <reason>'.

paho_roundtrip.py tcp|websockets HOST PORT CAFILE 1.2|1.3 TOPIC PAYLOAD
"""
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

transport, host, port, cafile, version, topic, payload = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(cafile)
context.minimum_version = context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
client = mqtt.Client(client_id="paho-" + topic, transport=transport)
client.tls_set_context(context)
if transport == "websockets":
    client.ws_set_options(path="/mqtt")

done = threading.Event()
client.on_connect = lambda c, data, flags, code: c.subscribe(topic, 1)
client.on_subscribe = lambda c, data, mid, granted: c.publish(topic, payload, 1)


def on_message(c, data, message):
    print("received", message.payload.decode())
    done.set()


client.on_message = on_message
try:
    client.connect(host, int(port))
except (ssl.SSLError, ssl.CertificateError) as error:
    print("refused", error)
    sys.exit(1)

client.loop_start()
ended = done.wait(30)
client.disconnect()
client.loop_stop()
sys.exit(0 if ended else 2)
