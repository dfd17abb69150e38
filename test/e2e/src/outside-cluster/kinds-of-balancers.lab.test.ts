// SPDX-License-Identifier: Apache-2.0
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { NeighborObserver } from '@fairlead/test-lab/observer/observers.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTS, Trio, VIP } from './trio.ts';

/** Sends a datagram, and prints what comes back. */
const ASK_UDP = `
const [host, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (answer) => { console.log(String(answer)); process.exit(0); });
socket.send('hello', Number(port), host);
setTimeout(() => process.exit(1), 2000);
`;

const LOAD_BALANCERS = `
- name: requests
  type: http
  port: 8080
  bindToVip: false
  backends:
  - url: http://172.18.0.3:6444
  - address: http://172.18.0.4
    port: 6444
- name: datagrams
  type: udp
  port: 5300
  bindToVip: true
  backends:
  - {address: 172.18.0.5, port: 6444}
- name: elsewhere
  type: tcp
  port: 8081
  bindToVip: true
  backends:
  - {address: 172.18.0.5, port: 6444}
`;

describe('what a file can ask for', () => {
  let trio: Trio;
  let observer: NeighborObserver;
  let owner: string;
  const ipv4Of = (host: string) => hostOf(trio.network.plan, host).ipv4;

  beforeAll(async () => {
    trio = await Trio.start({ loadBalancers: LOAD_BALANCERS });
    await trio.startAgents();
    observer = await NeighborObserver.start(trio.network, { addresses: [VIP] });
    owner = await trio.firstOwner(observer);
  });

  afterAll(async () => {
    await observer?.stop();
    await trio?.stop();
  });

  it('http: a back end for each request, on every address of every host without bindToVip', async () => {
    for (const host of HOSTS) {
      const url = `http://${ipv4Of(host)}:8080/ip`;
      // One connection, two requests.
      const { stdout } = await trio.network.exec('client', ['curl', '-sS', '-m', '2', url, url]);
      expect(stdout).toContain('worker1');
      expect(stdout).toContain('worker2');
    }
    expect(['worker1', 'worker2']).toContain(await trio.ask(`http://${VIP}:8080/ip`));
  });

  it('tcp: with bindToVip on the address alone', async () => {
    expect(await trio.ask(`http://${VIP}:8081/ip`)).toBe('worker3');
    // Nobody listens there: refused.
    expect(await trio.ask(`http://${ipv4Of(owner)}:8081/ip`)).toBe('curl 7');
  });

  it('udp', async () => {
    const { stdout } = await trio.network.exec('client', [process.execPath, '-e', ASK_UDP, VIP, '5300']);
    expect(stdout.trim()).toBe('worker3 hello');
  });
});
