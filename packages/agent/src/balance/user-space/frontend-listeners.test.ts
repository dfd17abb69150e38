// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { frontendListeners } from './frontend-listeners.ts';
import { DEFAULT_PROXY_OPTIONS } from './listener.ts';

const VIP = '192.0.2.10';

describe('frontendListeners', () => {
  it('listens for each frontend, with its back ends as targets', () => {
    const web = frontendOf(VIP, [backendOf('10.1.0.1'), backendOf('10.1.0.2', 8081, { weight: 3 })], {
      scheduler: 'leastConnections',
      affinitySeconds: 60,
    });
    const dns = frontendOf('2001:db8::1', [backendOf('fd00::2', 53)], { protocol: 'udp', port: 53 });
    const { listeners, problems } = frontendListeners(modelOf(web, dns));
    expect(listeners).toEqual([
      {
        id: `tcp/80/${VIP}`,
        service: 'default/echo',
        mode: 'tcp',
        address: VIP,
        port: 80,
        targets: [
          { id: '10.1.0.1:8080', host: '10.1.0.1', port: 8080, weight: 1 },
          { id: '10.1.0.2:8081', host: '10.1.0.2', port: 8081, weight: 3 },
        ],
        scheduler: 'leastConnections',
        affinitySeconds: 60,
        options: DEFAULT_PROXY_OPTIONS,
      },
      expect.objectContaining({
        mode: 'udp',
        targets: [{ id: '[fd00::2]:53', host: 'fd00::2', port: 53, weight: 1 }],
      }),
    ]);
    expect(problems.size).toBe(0);
  });

  it('tells of SCTP, and serves the rest', () => {
    const sctp = frontendOf(VIP, [backendOf('10.1.0.1')], { protocol: 'sctp', port: 9 });
    const { listeners, problems } = frontendListeners(modelOf(sctp, frontendOf(VIP, [])));
    expect(listeners.map(({ id }) => id)).toEqual([`tcp/80/${VIP}`]);
    expect(problems.get('default/echo')).toEqual([
      { reason: 'ProtocolUnsupported', message: expect.stringContaining(`${VIP} port 9/sctp`) },
    ]);
  });

  it('ends what runs over removed back ends where they are to be reset, but not over those that are ending', () => {
    const ending = [backendOf('10.1.0.2'), backendOf('10.1.0.1')];
    const web = frontendOf(VIP, [backendOf('10.1.0.1')], { resetsRemoved: true, ending });
    const [listener] = frontendListeners(modelOf(web)).listeners;
    expect(listener?.options.drainMs).toBe(1);
    expect(listener?.targets.map(({ id, weight }) => [id, weight])).toEqual([
      ['10.1.0.1:8080', 1],
      ['10.1.0.2:8080', 0],
    ]);
  });

  it('connects to nothing that only the node can reach, nor to itself, and tells', () => {
    const backends = ['127.0.0.1', '169.254.169.254', '10.1.0.1'].map((address) => backendOf(address));
    const web = frontendOf(VIP, [...backends, backendOf(VIP, 80), backendOf(VIP, 81)]);
    const { listeners, problems } = frontendListeners(modelOf(web));
    expect(listeners[0]?.targets.map(({ id }) => id)).toEqual(['10.1.0.1:8080', `${VIP}:81`]);
    expect(problems.get('default/echo')).toEqual([
      {
        reason: 'EndpointsForbidden',
        message: expect.stringContaining(`127.0.0.1:8080, 169.254.169.254:8080, ${VIP}:80:`),
      },
    ]);
  });

  it('makes the same listener of the same frontend', () => {
    const model = modelOf(frontendOf(VIP, []));
    expect(frontendListeners(model).listeners[0]).toBe(frontendListeners(model).listeners[0]);
  });
});
