// SPDX-License-Identifier: Apache-2.0
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { ingressOf, sameIngress } from './ingress.ts';

const service = {
  spec: {
    ports: [
      { port: 80, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
    ],
  },
} as unknown as Service;

describe('ingress', () => {
  const wanted = ingressOf(service, ['172.18.0.200', 'fd00::c8']);

  it('names each address with all ports, as kube-vip writes it', () => {
    const ports = [
      { port: 80, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
    ];
    expect(wanted).toEqual([
      { ip: '172.18.0.200', ports },
      { ip: 'fd00::c8', ports },
    ]);
  });

  it('says that kube-proxy has to leave the addresses alone, where it has to', () => {
    const proxied = ingressOf(service, ['172.18.0.200'], true);
    expect(proxied[0]?.ipMode).toBe('Proxy');
    expect(sameIngress(wanted.slice(0, 1), proxied)).toBe(false);
  });

  it('is the same with what the API server fills in, and another in any other difference', () => {
    expect(
      sameIngress(
        wanted.map((entry) => ({ ...entry, ipMode: 'VIP' })),
        wanted,
      ),
    ).toBe(true);
    expect(sameIngress([...wanted].reverse(), wanted)).toBe(false);
    expect(sameIngress(wanted.slice(1), wanted)).toBe(false);
    expect(
      sameIngress(
        wanted.map((entry) => ({ ...entry, ipMode: 'Proxy' })),
        wanted,
      ),
    ).toBe(false);
    expect(
      sameIngress(
        wanted.map(({ ip = '' }) => ({ ip })),
        wanted,
      ),
    ).toBe(false);
    expect(sameIngress(undefined, wanted)).toBe(false);
  });
});
