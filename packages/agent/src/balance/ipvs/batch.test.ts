// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Frontend, Scheduler } from '../model/frontend.ts';
import { KERNEL_SCHEDULERS } from '../model/kernel-schedulers.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { batchBetween } from './batch.ts';
import { withIpvsForwarding } from './ipvs-forwarding.ts';
import { withLeaving } from './leaving.ts';
import { additions, type MasqueradeRules, masqueradeRules, removals } from './masquerade-rules.ts';
import { modelTable } from './model-table.ts';
import { SURROUNDINGS } from './testing/surroundings.ts';
import type { IpvsTable } from './virtual-service.ts';

const VIP = '192.0.2.10';
const VIP6 = '2001:db8::10';
const POD = [backendOf('10.0.0.1'), backendOf('10.0.0.2'), backendOf('10.0.0.3')];
const HOST = [backendOf('192.0.2.21', 80), backendOf('192.0.2.22', 80)];
const serve = (parts: Partial<Frontend> = {}, backends = POD) => frontendOf(VIP, backends, parts);
const schedulers: readonly Scheduler[] = [
  'roundRobin',
  'weightedRoundRobin',
  'leastConnections',
  'sourceHash',
  'consistentHash',
];

/** Name -> the models that are applied one after the other. */
const CASES: Readonly<Record<string, readonly (readonly Frontend[])[]>> = {
  nat: [[serve()], []],
  schedulers: [
    schedulers.map((scheduler, index) =>
      serve({ id: `tcp/${80 + index}/${VIP}`, port: 80 + index, scheduler }),
    ),
  ],
  'kernel-schedulers': [
    KERNEL_SCHEDULERS.map((kernelScheduler, index) =>
      serve({ id: `tcp/${80 + index}/${VIP}`, port: 80 + index, kernelScheduler }, []),
    ),
  ],
  'protocols-and-families': [
    [
      serve({ id: `udp/53/${VIP}`, protocol: 'udp', port: 53 }),
      serve({ id: `sctp/36412/${VIP}`, protocol: 'sctp', port: 36_412 }),
      frontendOf(VIP6, [backendOf('fd00::1'), backendOf('fd00::2')]),
    ],
  ],
  affinity: [[serve({ affinitySeconds: 10_800 })], [serve()]],
  weights: [
    [serve({}, [backendOf('10.0.0.1', 80, { weight: 3 }), backendOf('10.0.0.2', 80, { weight: 0 })])],
    [serve({}, [backendOf('10.0.0.1', 80, { weight: 2 }), backendOf('10.0.0.2', 80, { weight: 1 })])],
  ],
  'client-address-kept': [[serve({ masquerade: false })]],
  'direct-route': [[serve({ forwarding: 'directRoute', masquerade: false }, HOST)]],
  'direct-route-in-part': [[serve({ forwarding: 'directRoute', masquerade: false }, [...HOST, ...POD])]],
  tunnel: [[serve({ forwarding: 'tunnel', masquerade: false }, [backendOf('203.0.113.1', 80)])]],
  local: [
    [
      serve({ forwarding: 'local' }, [
        backendOf('10.0.0.1', 80, { node: 'here' }),
        backendOf('10.0.1.1', 80, { node: 'there' }),
      ]),
      serve({ forwarding: 'local', id: `tcp/6443/${VIP}`, port: 6443 }, [
        backendOf('192.0.2.1', 6443, { node: 'here' }),
        backendOf('192.0.2.21', 6443, { node: 'there' }),
      ]),
    ],
  ],
  bypass: [[serve()], [serve({ forwarding: 'bypass' })]],
  'no-back-ends': [[serve({}, [])]],
  'back-ends-come-and-go': [[serve({}, POD.slice(0, 2))], [serve({}, POD.slice(1))], [serve()]],
  'no-ending-over-udp': [
    [serve({ id: `udp/53/${VIP}`, protocol: 'udp', port: 53 })],
    [serve({ id: `udp/53/${VIP}`, protocol: 'udp', port: 53 }, POD.slice(1))],
  ],
  'removed-are-reset': [[serve({ resetsRemoved: true })], [serve({ resetsRemoved: true }, POD.slice(1))]],
  'another-scheduler': [[serve()], [serve({ scheduler: 'consistentHash' })]],
};

/** What each step writes: rules before, table, rules after. */
function dump(steps: readonly (readonly Frontend[])[]): string {
  let table: IpvsTable = new Map();
  let wanted: IpvsTable = new Map();
  let told: MasqueradeRules = new Map();
  return steps
    .map((frontends) => {
      const model = withIpvsForwarding(modelOf(...frontends), SURROUNDINGS);
      const next = modelTable(model);
      const spared = (id: string) =>
        model.frontends.get(id)?.resetsRemoved === true ? new Set<string>() : undefined;
      const after = withLeaving({ before: table, wantedBefore: wanted }, next, spared);
      const nextRules = new Map(
        [4, 6].flatMap((family) => [...masqueradeRules(model.frontends.values(), family === 4 ? 4 : 6)]),
      );
      const problems = [...model.problems.values()].flat().map(({ message }) => `# ${message}\n`);
      const parts = [
        ...problems,
        additions(told, nextRules) ?? '',
        batchBetween(table, after),
        removals(told, nextRules) ?? '',
      ];
      [table, wanted, told] = [after, next, nextRules];
      return parts.join('');
    })
    .join('\n');
}

describe('batches for the kernel', () => {
  it.each(Object.entries(CASES))('for %s', async (name, steps) => {
    await expect(dump(steps)).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it('are empty when nothing changes', () => {
    const table = modelTable(modelOf(serve()));
    expect(batchBetween(table, modelTable(modelOf(serve())))).toBe('');
  });
});
