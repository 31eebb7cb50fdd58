// One QoS 1 round trip with MQTT.js over TLS. Prints 'received <payload>' or 'refused <reason>'.
//   node mqttjs_roundtrip.js MODULES mqtts|wss HOST PORT CAFILE 1.2|1.3 TOPIC PAYLOAD
const [modules, scheme, host, port, cafile, version, topic, payload] = process.argv.slice(2)
const mqtt = require(modules + '/mqtt')
const tls = { ca: require('fs').readFileSync(cafile), minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version, rejectUnauthorized: true }
const client = mqtt.connect(`${scheme}://${host}:${port}${scheme === 'wss' ? '/mqtt' : ''}`, {
  ...tls, wsOptions: tls, clientId: 'js-' + topic, reconnectPeriod: 0, connectTimeout: 30000, protocolVersion: 5
})
const give = setTimeout(() => { console.log('timeout'); process.exit(2) }, 30000)
client.on('connect', () => client.subscribe(topic, { qos: 1 }, () => client.publish(topic, payload, { qos: 1 })))
client.on('message', (_, message) => {
  console.log('received', message.toString())
  clearTimeout(give)
  client.end(false, () => process.exit(0))
})
client.on('error', error => {
  console.log('refused', error.message)
  process.exit(1)
})
