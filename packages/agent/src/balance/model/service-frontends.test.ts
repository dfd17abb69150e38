// SPDX-License-Identifier: Apache-2.0
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import type { ServiceEndpoint } from '../../services/endpoints.ts';
import type { ServedService } from '../../services/served-service.ts';
import type { KernelSchedulers } from '../balancer.ts';
import { balanceModel } from './service-frontends.ts';

function endpoint(
  address: string,
  node: string,
  ports: Readonly<Record<string, number>> = { 'TCP/http': 8080 },
): ServiceEndpoint {
  const family = address.includes(':') ? 6 : 4;
  return { family, address, node, state: 'ready', ports: new Map(Object.entries(ports)) };
}

function service(name: string, parts: Partial<ServedService> = {}): ServedService {
  return {
    key: `default/${name}`,
    namespace: 'default',
    name,
    created: '',
    addresses: ['172.18.0.200'],
    dhcp: [],
    refused: false,
    names: [],
    policy: 'Cluster',
    ports: [{ protocol: 'tcp', port: 80, key: 'TCP/http' }],
    endpoints: [endpoint('10.1.0.10', 'n2'), endpoint('10.1.0.9', 'n1')],
    interface: undefined,
    commonLease: undefined,
    nodeSelector: undefined,
    endpointsKnown: true,
    asksForOwnLease: false,
    withoutEndpoints: false,
    problems: [],
    object: {},
    ...parts,
  };
}

function model(
  services: readonly ServedService[],
  addresses: readonly string[] = ['172.18.0.200'],
  lost: readonly string[] = [],
  prepared: readonly string[] = [],
) {
  return balanceModel({
    services,
    addresses: new Set(addresses),
    prepared: new Set(prepared),
    node: 'n1',
    lostNodes: new Set(lost),
  });
}

describe('balanceModel', () => {
  it('has the frontends of addresses that may come, where there is a pod to send to', () => {
    const services = [
      service('a'),
      service('b', {
        addresses: ['172.18.0.201'],
        policy: 'Local',
        endpoints: [endpoint('10.1.0.10', 'n2')],
      }),
    ];
    const ids = [...model(services, [], [], ['172.18.0.200', '172.18.0.201']).frontends.keys()];
    expect(ids).toEqual(['tcp/80/172.18.0.200']);
  });

  it('has a frontend for each held address and port, backends in a fixed order', () => {
    const { frontends } = model([service('a')]);
    expect([...frontends.values()]).toEqual([
      {
        id: 'tcp/80/172.18.0.200',
        service: 'default/a',
        family: 4,
        address: '172.18.0.200',
        protocol: 'tcp',
        port: 80,
        backends: [
          { address: '10.1.0.9', port: 8080, weight: 1, node: 'n1' },
          { address: '10.1.0.10', port: 8080, weight: 1, node: 'n2' },
        ],
        scheduler: 'roundRobin',
        affinitySeconds: undefined,
        forwarding: 'nat',
        masquerade: true,
      },
    ]);
  });

  it('leaves alone what this node does not hold', () => {
    expect(model([service('a')], []).frontends.size).toBe(0);
  });

  it('leaves out endpoints on lost nodes', () => {
    const backends = [...model([service('a')], undefined, ['n2']).frontends.values()][0]?.backends;
    expect(backends).toMatchObject([{ address: '10.1.0.9', port: 8080 }]);
  });

  it('sends only to its own pods with policy Local, and lets them see the client', () => {
    const frontend = [...model([service('a', { policy: 'Local' })]).frontends.values()][0];
    expect(frontend).toMatchObject({ masquerade: false, backends: [{ address: '10.1.0.9', port: 8080 }] });
  });

  it('keeps families, named ports and protocols apart', () => {
    const { frontends } = model(
      [
        service('a', {
          addresses: ['172.18.0.200', 'fd00::1'],
          ports: [
            { protocol: 'tcp', port: 80, key: 'TCP/http' },
            { protocol: 'udp', port: 53, key: 'UDP/dns' },
          ],
          endpoints: [
            endpoint('10.1.0.9', 'n1', { 'TCP/http': 8080, 'UDP/dns': 5353 }),
            // A pod may have another number for the same named port.
            endpoint('10.1.0.10', 'n1', { 'TCP/http': 9090 }),
            endpoint('fd00:1::9', 'n1', { 'UDP/dns': 5353 }),
          ],
        }),
      ],
      ['172.18.0.200', 'fd00::1'],
    );
    const targets = Object.fromEntries(
      [...frontends].map(([id, { backends }]) => [
        id,
        backends.map(({ address, port }) => `${address}-${port}`),
      ]),
    );
    expect(targets).toEqual({
      'tcp/80/172.18.0.200': ['10.1.0.9-8080', '10.1.0.10-9090'],
      'udp/53/172.18.0.200': ['10.1.0.9-5353'],
      'tcp/80/fd00::1': [],
      'udp/53/fd00::1': ['fd00:1::9-5353'],
    });
  });

  it('gives a port that two Services want to the older one, and tells the other', () => {
    const { frontends, problems } = model([service('old'), service('young')]);
    expect([...frontends.values()].map((frontend) => frontend.service)).toEqual(['default/old']);
    expect(problems.get('default/young')?.map(({ reason }) => reason)).toEqual(['PortConflict']);
    expect(problems.has('default/old')).toBe(false);
  });

  it('spreads connections as the Service asks', () => {
    const object: Service = {
      metadata: {
        annotations: { [ANNOTATION.weights]: 'n1=3', [ANNOTATION.resetRemoved]: 'true' },
      },
      spec: { sessionAffinity: 'ClientIP' },
    };
    const draining: ServiceEndpoint = { ...endpoint('10.1.0.11', 'n1'), state: 'draining' };
    const a = service('a', { object, endpoints: [...service('a').endpoints, draining] });
    expect([...model([a]).frontends.values()]).toMatchObject([
      {
        scheduler: 'sourceHash',
        affinitySeconds: 10_800,
        backends: [{ weight: 3 }, { weight: 1 }],
        resetsRemoved: true,
        ending: [{ address: '10.1.0.11' }],
      },
    ]);
  });

  it('tells when the data plane does not have the scheduler, and takes the nearest', () => {
    const object: Service = { metadata: { annotations: { [ANNOTATION.scheduler]: 'least-connections' } } };
    const input = {
      services: [service('a', { object })],
      addresses: new Set(['172.18.0.200']),
      prepared: new Set<string>(),
      node: 'n1',
      lostNodes: new Set<string>(),
    };
    const { frontends, problems } = balanceModel({
      ...input,
      missingSchedulers: new Set(['leastConnections']),
    });
    expect(problems.get('default/a')?.map(({ reason }) => reason)).toEqual(['SchedulerUnsupported']);
    expect([...frontends.values()]).toMatchObject([{ scheduler: 'weightedRoundRobin' }]);
    expect([...balanceModel(input).frontends.values()]).toMatchObject([{ scheduler: 'leastConnections' }]);
  });
});

describe('schedulers of IPVS', () => {
  const annotated = (text: string) => ({
    object: { metadata: { annotations: { [ANNOTATION.scheduler]: text } } },
  });
  const made = (parts: Partial<ServedService>, kernelSchedulers?: KernelSchedulers) => {
    const addresses = new Set(['172.18.0.200']);
    const lostNodes = new Set<string>();
    const services = [service('echo', parts)];
    const input = { services, addresses, prepared: lostNodes, node: 'n1', lostNodes, kernelSchedulers };
    const { frontends, problems } = balanceModel(input);
    const [frontend] = frontends.values();
    return { ...frontend, problems: problems.get('default/echo') };
  };

  it('are what Services name, or else what the agent is set to', () => {
    const usual: KernelSchedulers = { usual: 'nq' };
    expect(made({}, usual)).toMatchObject({ kernelScheduler: 'nq' });
    expect(made(annotated('sed'), usual)).toMatchObject({ kernelScheduler: 'sed', problems: undefined });
    expect(made(annotated('round-robin'), usual)).toMatchObject({ kernelScheduler: 'rr' });
    expect(made({}, { usual: undefined }).kernelScheduler).toBeUndefined();
  });

  it('are told to be missing in other data planes, which take the nearest', () => {
    const { kernelScheduler, scheduler, problems } = made(annotated('sed'));
    expect([kernelScheduler, scheduler]).toEqual([undefined, 'leastConnections']);
    expect(problems).toMatchObject([
      { reason: 'SchedulerUnsupported', message: expect.stringContaining('ipvs') },
    ]);
    expect(made(annotated('wrr')).problems).toBeUndefined();
  });
});
