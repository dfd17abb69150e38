// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { NO_HEALTH } from '../balance/health/health-checker.ts';
import { NOTHING_TO_BALANCE } from '../balance/model/frontend.ts';
import { NO_PROTECTOR } from '../balance/protection/protector.ts';
import type { ServedService } from '../services/served-service.ts';
import { heldAddress, NO_FRAMES, raftStatus } from '../status/testing.ts';
import { GroupTeller } from './group-teller.ts';
import { createMetrics, type MetricSources } from './metrics.ts';

const DOCS = fileURLToPath(new URL('../../../../docs/agent.md', import.meta.url));

const SOURCES: MetricSources = {
  services: () => [{ namespace: 'default', addresses: ['192.0.2.7'] } as unknown as ServedService],
  held: () => new Map([['192.0.2.7', heldAddress('192.0.2.7')]]),
  announcer: () => ({ ...NO_FRAMES, framesSent: 3 }),
  ownership: () => ({
    grants: new Map(),
    version: 0,
    owners: new Map([['192.0.2.7', { node: 'b', sinceMs: 0 }]]),
    lostNodes: new Set(['a']),
  }),
  engine: () => ({
    locks: new Map([
      ['default/kubevip-echo', { acquired: 2, lost: 1, isHolder: true }],
      ['kube-system/plndr-svcs-lock', { acquired: 1, lost: 0, isHolder: false }],
    ]),
  }),
  raft: () => raftStatus(),
  balance: () => NOTHING_TO_BALANCE,
  userSpace: () => new Map(),
  health: NO_HEALTH,
  protection: NO_PROTECTOR,
  loop: () => ({ passes: 1, failures: 0 }),
  reflectors: [],
};

function makeAll(sources: Partial<MetricSources> = {}) {
  const metrics = createMetrics({ node: 'b', version: '1.2.3' });
  metrics.observe({ ...SOURCES, ...sources });
  const group = {
    problems: () => [],
    standing: () => ({ record: undefined }) as never,
    members: () => new Map(),
    unheard: () => [],
  };
  const events = { event: () => undefined, flush: () => Promise.resolve() };
  new GroupTeller({
    node: 'b',
    group,
    events,
    registry: metrics.registry,
    clock: new ManualClock(),
    logger: silentLogger,
  });
  return metrics;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: string;
}

/** Rows of the table in docs/agent.md: `| `name` | type | labels | meaning |`. */
function documented(): readonly Row[] {
  const section = /^## Metrics$([\s\S]*?)^## /m.exec(readFileSync(DOCS, 'utf8'))?.[1] ?? '';
  return [...section.matchAll(/^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| .+ \|$/gm)].map(
    ([, name, type, labels]) => ({
      name: name ?? '',
      type: type ?? '',
      labels: (labels ?? '').replaceAll('`', '').trim(),
    }),
  );
}

describe('metrics', () => {
  it('are those of docs/agent.md, all of them and no others', () => {
    const made = makeAll()
      .registry.getMetricsAsArray()
      // Declared by prom-client's own types only in part.
      .map(
        (metric) =>
          metric as unknown as { name: string; labelNames: readonly string[]; constructor: { name: string } },
      )
      .map((metric) => ({
        name: metric.name,
        type: metric.constructor.name.toLowerCase(),
        labels: metric.labelNames.join(', '),
      }));
    const byName = (a: Row, b: Row) => (a.name < b.name ? -1 : 1);
    expect([...documented()].sort(byName)).toEqual([...made].sort(byName));
  });

  it('have kube-vip’s names where it has some', () => {
    const names = new Set(documented().map(({ name }) => name));
    for (const name of [
      'kube_vip_active_services',
      'kube_vip_service_reconcile_errors_total',
      'kube_vip_service_reconcile_duration_seconds',
      'kube_vip_manager_all_services_events',
      'kube_vip_leader_election_transitions_total',
      'kube_vip_is_leader',
      'kube_vip_service_election_loops',
      'kube_vip_service_election_attempts_total',
      'kube_vip_service_election_errors_total',
      'kube_vip_build_info',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('say what the raft engine says, and nothing while another one is in force', async () => {
    const text = await makeAll().registry.metrics();
    for (const line of [
      'fairlead_raft_role{role="follower"} 1',
      'fairlead_raft_role{role="leader"} 0',
      'fairlead_raft_term 4',
      'fairlead_raft_epoch 3',
      'fairlead_raft_voters 3',
      'fairlead_raft_coordinator{coordinator="c"} 1',
      'fairlead_raft_members{state="up"} 3',
      'fairlead_raft_grant_remaining_seconds 0.2',
      'fairlead_raft_datagrams_ignored_total{reason="badSignature"} 2',
      'fairlead_renewals_late_total 3',
      'fairlead_renewals_lost_total 1',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    const without = await makeAll({ raft: () => undefined }).registry.metrics();
    expect(without).not.toMatch(/^fairlead_raft_\w+[ {]/m);
    expect(without).not.toMatch(/^fairlead_renewals_\w+ /m);
  });

  it('say of the Leases of Services what kube-vip says', async () => {
    const text = await makeAll().registry.metrics();
    expect(text).toContain('kube_vip_service_election_loops{namespace="default",name="echo"} 1');
    expect(text).toContain('kube_vip_service_election_attempts_total{namespace="default",name="echo"} 2');
    expect(text).toContain(
      'kube_vip_service_election_errors_total{namespace="default",name="echo",reason="lost"} 1',
    );
    expect(text).toContain('kube_vip_is_leader{node="b",lease_name="kube-system/plndr-svcs-lock"} 0');
  });
});
