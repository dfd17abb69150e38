// SPDX-License-Identifier: Apache-2.0
/** The rules that protect an address come before IPVS, whichever way it sends packets on. */
import type { ProtectionPolicy } from '@fairlead/agent/balance/protection/policy.ts';
import { renderProtection } from '@fairlead/agent/balance/protection/protection-script.ts';
import { entryOf, modelOf, portOf } from '@fairlead/agent/balance/protection/testing/policies.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tally } from './clients.ts';
import { addressOf, backends, CLIENTS, frontend, IpvsLab, PORTS, VIP } from './ipvs-lab.ts';

const [GOOD, BAD] = CLIENTS.map((number) => addressOf(number)) as [string, string];

describe.each(['directRoute', 'nat'] as const)('protection before IPVS with %s', (forwarding) => {
  let lab: IpvsLab;

  beforeAll(async () => {
    lab = await IpvsLab.start();
    await lab.holdOnServers(forwarding === 'directRoute');
    const port = forwarding === 'nat' ? PORTS.own : PORTS.virtual;
    await lab.apply(frontend({ forwarding, masquerade: forwarding === 'nat', backends: backends(port) }));
  });
  afterAll(() => lab?.stop());

  const protect = async (policy: Partial<ProtectionPolicy>) => {
    const model = modelOf([portOf(VIP[4], PORTS.virtual)], policy);
    const script = renderProtection(model, { wallMs: 0, canStripOptions: true });
    await lab.run('director', 'sh', '-c', `printf %s "$1" | nft -f -`, 'sh', script);
  };
  const answered = async (from: string, count: number, how: 'once' | 'open' = 'once') => {
    const counts = tally(await lab.ask({ do: how, to: VIP[4], port: PORTS.virtual, from, count }));
    const { master1 = 0, master2 = 0, master3 = 0 } = counts;
    return master1 + master2 + master3;
  };
  const dropped = async (reason: string) => {
    const name = `${reason}.default.echo`;
    const text = await lab.run('director', 'nft', 'list', 'counter', 'inet', 'fairlead_protection', name);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  };

  it('keeps out whom the Service blocks, and nobody else', async () => {
    await protect({ blocked: [entryOf(BAD)] });
    expect([await answered(BAD, 1), await answered(GOOD, 3)]).toEqual([0, 3]);
    expect(await dropped('blocked')).toBeGreaterThan(0);
  });

  it('limits new connections of one source, and counts none twice', async () => {
    await protect({ connectionRate: { perSecond: 1, burst: 6 } });
    expect(await answered(GOOD, 6)).toBe(6);
    expect(await dropped('connection-rate')).toBe(0);
    expect(await answered(BAD, 20)).toBeLessThan(20);
    expect(await dropped('connection-rate')).toBeGreaterThan(0);
  });

  it('limits open connections of one source', async () => {
    await protect({ openConnections: 3 });
    expect(await answered(BAD, 6, 'open')).toBe(3);
    expect(await answered(GOOD, 3)).toBe(3);
    expect(await dropped('open-connections')).toBeGreaterThan(0);
  });
});
