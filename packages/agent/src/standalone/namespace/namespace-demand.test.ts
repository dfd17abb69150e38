// SPDX-License-Identifier: Apache-2.0
import type { EndpointSlice, Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { namespaceDemand } from './namespace-demand.ts';
import { readServiceList } from './service-list.ts';
import { readServiceSettings } from './service-settings.ts';

const LEASE = { namespace: 'plunder', name: 'plunder-lock' };
const listed = (...services: unknown[]) => JSON.stringify({ services });
const WEB = { vip: '192.0.2.80', port: 80, type: 'TCP', uid: 'u', serviceName: 'web' };

const service = (name: string, ports: { name: string; port: number }[]): Service => ({
  metadata: { namespace: 'plunder', name },
  spec: { ports },
});

const slice = (
  name: string,
  addresses: readonly string[],
  ports: readonly { name: string; port: number }[],
): EndpointSlice => ({
  addressType: 'IPv4',
  metadata: { namespace: 'plunder', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  ports: ports.map((port) => ({ ...port, protocol: 'TCP' })),
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});

function demandOf(list: string | undefined, services: readonly Service[], slices: readonly EndpointSlice[]) {
  return namespaceDemand({ namespace: 'plunder', list: readServiceList(list), services, slices }, LEASE);
}

describe('the list of Services', () => {
  it('is read as plndr-cloud-provider wrote it', () => {
    expect(readServiceList(listed(WEB, { ...WEB, type: 'udp' }))).toEqual({
      services: [
        { vip: '192.0.2.80', port: 80, protocol: 'tcp', serviceName: 'web' },
        { vip: '192.0.2.80', port: 80, protocol: 'udp', serviceName: 'web' },
      ],
      problems: [],
      isReadable: true,
    });
  });

  it.each([undefined, '', '{"services":null}', listed()])('may be empty: %s', (text) => {
    expect(readServiceList(text)).toEqual({ services: [], problems: [], isReadable: true });
  });

  it.each(['nothing', '[]', '{"services": 5}'])('is told of when it is none: %s', (text) => {
    const { services, problems, isReadable } = readServiceList(text);
    expect(isReadable).toBe(false);
    expect(services).toEqual([]);
    expect(problems[0]).toMatchObject({
      reason: 'ServiceListInvalid',
      message: expect.stringContaining(text),
    });
  });

  it('loses only what is wrong in it', () => {
    const { services, problems } = readServiceList(
      listed(
        { ...WEB, vip: 'dhcp' },
        { ...WEB, port: '80' },
        { ...WEB, type: 'SCTP' },
        WEB,
        { ...WEB, serviceName: 'other' },
        WEB,
      ),
    );
    expect(services).toHaveLength(1);
    expect(problems.map(({ message }) => message.slice(0, 12))).toEqual([
      'entry 1 of p',
      'entry 2 of p',
      'entry 3 of p',
      'other wants ',
    ]);
  });
});

describe('what a namespace asks for', () => {
  it('is a listener for each entry, with the endpoints of that port', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 9000 },
    ];
    const targets = [
      { name: 'http', port: 8080 },
      { name: 'admin', port: 9090 },
    ];
    const demand = demandOf(
      listed(WEB, { ...WEB, port: 9000 }),
      [service('web', ports)],
      [slice('web', ['10.1.0.2', '10.1.0.1'], targets)],
    );
    expect(
      demand.entries.map(({ port, addresses, backends }) => ({ port, addresses, backends })),
    ).toMatchObject([
      {
        port: 80,
        addresses: ['192.0.2.80'],
        backends: [
          { host: '10.1.0.1', port: 8080 },
          { host: '10.1.0.2', port: 8080 },
        ],
      },
      { port: 9000, addresses: ['192.0.2.80'], backends: [{ port: 9090 }, { port: 9090 }] },
    ]);
    expect(demand.groups).toMatchObject([
      { addresses: ['192.0.2.80'], services: ['plunder/web'], lease: LEASE },
    ]);
    expect(demand.services).toEqual([{ key: 'plunder/web', addresses: ['192.0.2.80'] }]);
  });

  it('refuses connections as long as there is no endpoint', () => {
    expect(demandOf(listed(WEB), [], []).entries[0]?.backends).toEqual([]);
  });

  it('does not need the Service where it has one port without a name', () => {
    const demand = demandOf(listed(WEB), [], [slice('web', ['10.1.0.1'], [{ name: '', port: 8080 }])]);
    expect(demand.entries[0]?.backends).toMatchObject([{ host: '10.1.0.1', port: 8080 }]);
  });

  it('is nothing without a list, and says what is wrong with one', () => {
    expect(demandOf(undefined, [], [])).toMatchObject({ groups: [], entries: [], services: [] });
    expect(demandOf('nothing', [], []).problems.get('plunder')).toHaveLength(1);
  });
});

describe('the settings of agent service', () => {
  const read = (env: Record<string, string>, flags: Record<string, string> = {}) =>
    readServiceSettings({ env, flags, hostName: 'Pod-1', tokenNamespace: 'plunder' });

  it('come from the Pod', () => {
    expect(read({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toEqual({
      node: 'pod-1',
      namespace: 'plunder',
      configMap: 'plndr',
      interface: undefined,
      lease: LEASE,
      statusServer: undefined,
      kubeconfig: undefined,
    });
  });

  it('come from the environment before flags', () => {
    expect(
      read({ vip_configmap: 'a', KUBECONFIG: '/k' }, { configMap: 'b', namespace: 'n', interface: 'eth1' }),
    ).toMatchObject({
      configMap: 'a',
      namespace: 'n',
      interface: 'eth1',
      kubeconfig: '/k',
    });
  });

  it('have a server for probes and metrics where one is asked for', () => {
    expect(read({ prometheus_server: ':2112' }).statusServer).toEqual({ host: '', port: 2112 });
    expect(read({}, { prometheusHTTPServer: '127.0.0.1:1' }).statusServer).toEqual({
      host: '127.0.0.1',
      port: 1,
    });
  });

  it('are checked', () => {
    expect(() => read({}, { configMap: 'Kube Vip' })).toThrow('vip_configmap="Kube Vip"');
    expect(() => read({ prometheus_server: 'here' })).toThrow('prometheus_server="here"');
  });
});
