// SPDX-License-Identifier: Apache-2.0
import { parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import { describe, expect, it } from 'vitest';
import { type ConfigInputs, readConfig } from './read-config.ts';

/** The file of kube-vip 0.1's documentation: three hosts, and the control plane behind the address. */
const OLD_FILE = `
remotePeers:
- id: server2
  address: 192.168.0.71
  port: 10000
- id: server3
  address: 192.168.0.72
  port: 10000
localPeer:
  id: server1
  address: 192.168.0.70
  port: 10000
vip: 192.168.0.75
gratuitousARP: true
singleNode: false
startAsLeader: false
interface: ens192
loadBalancers:
- name: Kubernetes Control Plane
  type: tcp
  port: 6443
  bindToVip: true
  backends:
  - port: 6444
    address: 192.168.0.70
  - port: 6444
    address: 192.168.0.71
  - port: 6444
    address: 192.168.0.72
`;

const PEERS = OLD_FILE.slice(0, OLD_FILE.indexOf('vip:'));

function read(text: string | undefined, inputs: Partial<ConfigInputs> = {}) {
  return readConfig({
    text,
    env: {},
    flags: {},
    hostName: 'Host-A',
    readFile: (path) =>
      path === '/ca.pem' ? parsed('the authority') : unparsable('a file that can be read'),
    ...inputs,
  });
}

/** The setting of each problem. */
function problemsOf(text: string | undefined, inputs: Partial<ConfigInputs> = {}): readonly string[] {
  try {
    read(text, inputs);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ setting }) => setting);
    throw error;
  }
  return [];
}

const balancerOf = (lines: string) =>
  `vip: 192.0.2.75\nsingleNode: true\nloadBalancers:\n- ${lines.trim()}\n`;

describe('the file of kube-vip 0.1', () => {
  it('means what it always meant', () => {
    const config = read(OLD_FILE);
    expect(config).toMatchObject({
      node: 'server1',
      vips: ['192.168.0.75'],
      interface: 'ens192',
      engine: { kind: 'raft' },
      plane: 'userspace',
    });
    expect(config.peers.map(({ name, address, port }) => `${name} ${address} ${port}`)).toEqual([
      'server1 192.168.0.70 10000',
      'server2 192.168.0.71 10000',
      'server3 192.168.0.72 10000',
    ]);
    const [balancer] = config.balancers;
    expect(balancer).toMatchObject({
      name: 'Kubernetes Control Plane',
      mode: 'tcp',
      port: 6443,
      addresses: ['192.168.0.75'],
      healthCheck: { probe: { kind: 'tcp' } },
    });
    expect(balancer?.backends.map(({ host, port }) => `${host}:${port}`)).toEqual([
      '192.168.0.70:6444',
      '192.168.0.71:6444',
      '192.168.0.72:6444',
    ]);
    expect(config.warnings.map(({ setting }) => setting)).toEqual(['groupKeyFile']);
  });

  it('listens everywhere without bindToVip', () => {
    expect(
      read(balancerOf('{port: 80, backends: [{address: 192.0.2.1, port: 8080}]}')).balancers[0]?.addresses,
    ).toBe(undefined);
  });

  it.each([
    [
      '{address: "https://192.0.2.1", port: 6444}',
      { host: '192.0.2.1', port: 6444, http: { scheme: 'https', basePath: '' } },
    ],
    [
      '{url: "https://[2001:db8::1]:6443/base/"}',
      { host: '2001:db8::1', port: 6443, http: { scheme: 'https', basePath: '/base' } },
    ],
    ['{url: "http://backend.example"}', { host: 'backend.example', port: 80, isAddress: false }],
    ['{address: 192.0.2.1}', { host: '192.0.2.1', port: 80, http: { scheme: 'http', basePath: '' } }],
  ])('reads the back end %s of an http balancer', (backend, expected) => {
    const { balancers } = read(balancerOf(`{type: http, port: 80, backends: [${backend}]}`));
    expect(balancers[0]?.backends[0]).toMatchObject(expected);
  });

  it('makes the hosts back ends when it is told to', () => {
    const { balancers } = read(
      `${PEERS}addPeersAsBackends: true\nvip: 192.168.0.75\nloadBalancers:\n- {port: 6443, backendPort: 6444, backends: [{address: 192.168.0.71}]}\n`,
    );
    expect(balancers[0]?.backends.map(({ host, port }) => `${host}:${port}`)).toEqual([
      '192.168.0.71:6444',
      '192.168.0.70:6444',
      '192.168.0.72:6444',
    ]);
  });

  it('has its typing errors pointed out, and goes on', () => {
    const { warnings } = read(
      `${balancerOf('{port: 80, backends: [{address: 192.0.2.1, port: 1, wait: 5}]}')}graceful: true`,
    );
    expect(warnings.map(({ setting }) => setting)).toEqual(['loadBalancers[0].backends[0].wait', 'graceful']);
  });
});

describe('flags and environment', () => {
  it('are enough without a file', () => {
    const config = read(undefined, {
      flags: {
        vip: '192.0.2.75',
        interface: 'eth1',
        localPeer: 'server1:192.0.2.1:10000',
        remotePeers: 'server2:192.0.2.2:10000, server3:[2001:db8::3]:10001',
        lbBackends: '192.0.2.1:6443,[2001:db8::2]:6443',
        lbBindToVip: '',
      },
    });
    expect(config.peers.at(-1)).toEqual({ name: 'server3', address: '2001:db8::3', port: 10_001 });
    expect(config.balancers[0]).toMatchObject({ mode: 'tcp', port: 8080, addresses: ['192.0.2.75'] });
    expect(config.balancers[0]?.backends.map(({ host }) => host)).toEqual(['192.0.2.1', '2001:db8::2']);
  });

  it('win over the file: the environment first, then the flags', () => {
    const { vips, balancers } = read(OLD_FILE, {
      env: { vip_address: '192.0.2.1', vip_interface: '' },
      flags: { vip: '192.0.2.2', lbPort: '16443' },
    });
    expect(vips).toEqual(['192.0.2.1']);
    expect(balancers[0]).toMatchObject({ name: 'Kubernetes Control Plane', port: 16_443 });
  });
});

describe('our additions', () => {
  it('are read', () => {
    const { balancers, plane } = read(
      balancerOf(`
  name: api
  type: https
  port: 443
  bindToVip: true
  scheduler: consistent-hash
  affinitySeconds: 600
  backendCaFile: /ca.pem
  sendProxyProtocol: 2
  healthCheck: {type: https, path: /readyz, intervalMs: 100}
  backends: [{address: 192.0.2.1, port: 6443, weight: 3}]`),
    );
    expect(plane).toBe('userspace');
    expect(balancers[0]).toMatchObject({
      mode: 'http',
      scheduler: 'consistentHash',
      affinitySeconds: 600,
      healthCheck: { probe: { kind: 'https', path: '/readyz' }, intervalMs: 100 },
      options: { sendProxyProtocol: 2, authorities: 'the authority' },
      backends: [{ weight: 3, http: { scheme: 'https' } }],
    });
  });

  it('let etcd decide', () => {
    const text =
      'vip: 192.0.2.75, 2001:db8::75\netcd: {endpoints: ["http://192.0.2.9:2379"], ttlSeconds: 3}\n';
    const { engine, node, vips } = read(text);
    expect(engine).toMatchObject({ kind: 'etcd', endpoints: ['http://192.0.2.9:2379'], ttlSeconds: 3 });
    expect(node).toBe('host-a');
    expect(vips).toEqual(['192.0.2.75', '2001:db8::75']);
  });
});

describe('what cannot be used', () => {
  it('is told all at once, each by its place', () => {
    const text = `
localPeer: {id: "server 1", address: 192.168.0.300}
vip: 192.168.0
interface: [eth0]
loadBalancers:
- {type: sctp, port: 70000, bindToVip: maybe, backends: [{address: "10.0.0.300", port: 1}, {port: 2}]}
- {port: 80, healthCheck: {type: tcp, intervalMs: soon}}
`;
    expect(problemsOf(text)).toEqual([
      'vip',
      'localPeer.address',
      'localPeer.id',
      'localPeer',
      'loadBalancers[0].type',
      'loadBalancers[0].port',
      'loadBalancers[0].bindToVip',
      'loadBalancers[0].backends[0].address',
      'loadBalancers[0].backends[1].address',
      'loadBalancers[0].backends',
      'loadBalancers[1].backends',
      'loadBalancers[1].healthCheck.intervalMs',
      'interface',
    ]);
  });

  it.each([
    ['no address', 'singleNode: true', ['vip']],
    ['hosts that are alone', 'vip: 192.0.2.75\nlocalPeer: {id: a, address: 192.0.2.1}', ['remotePeers']],
    [
      'two hosts of one name',
      `${PEERS}vip: 192.0.2.75\n`.replace('server3', 'server2'),
      ['remotePeers[1].id'],
    ],
    ['no YAML', 'vip: [', ['the configuration file', 'vip', 'localPeer']],
    ['no mapping', '- vip', ['', 'vip', 'localPeer']],
    [
      'one place for two',
      `${balancerOf('{name: a, port: 80, backends: [{address: 192.0.2.1, port: 1}]}')}- {name: b, port: 80, bindToVip: true, backends: [{address: 192.0.2.1, port: 1}]}`,
      ['loadBalancers'],
    ],
    [
      'HTTP in the kernel',
      `balance: nftables\n${balancerOf('{type: http, port: 80, bindToVip: true, backends: [{address: 192.0.2.1}]}')}`,
      ['balance'],
    ],
    [
      "IPVS's own ways elsewhere",
      `balance: nftables\n${balancerOf('{port: 80, bindToVip: true, scheduler: sed, forwarding: tunnel, backends: [{address: 192.0.2.1, port: 80}]}')}`,
      ['balance', 'balance'],
    ],
    ['an etcd without a place', 'vip: 192.0.2.75\nengine: etcd', ['etcd']],
    ['Leases', 'vip: 192.0.2.75\nsingleNode: true\nenableLeaderElection: true', ['enableLeaderElection']],
  ])('%s', (_what, text, settings) => {
    expect(problemsOf(text)).toEqual(settings);
  });
});

it('balances by IPVS, with its schedulers and ways', () => {
  const text = `balance: ipvs\n${balancerOf('{port: 80, bindToVip: true, scheduler: sed, forwarding: tunnel, backends: [{address: 192.0.2.1, port: 80}]}')}`;
  const config = readConfig({
    text,
    env: {},
    flags: {},
    hostName: 'host',
    readFile: () => unparsable('nothing'),
  });
  expect(config).toMatchObject({
    plane: 'ipvs',
    balancers: [{ scheduler: 'leastConnections', kernelScheduler: 'sed', forwarding: 'tunnel' }],
  });
});
