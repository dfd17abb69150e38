// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOTHING_TO_PROTECT, type ProtectedPort, type ProtectionPolicy } from './policy.ts';
import { renderProtection, renderProtectionChanges } from './protection-script.ts';
import { TABLE } from './skeleton.ts';
import { anyModel } from './testing/any-model.ts';
import { entryOf, modelOf, portOf, servicesOf } from './testing/policies.ts';
import { TableState } from './testing/table-state.ts';

const NOW_MS = Date.UTC(2026, 10, 21);
const CONTEXT = { wallMs: NOW_MS, canStripOptions: true };
const VIP = '192.0.2.10';
const VIP6 = '2001:db8::10';

/** The lines that follow the table's skeleton. */
function linesFor(
  policy: Partial<ProtectionPolicy>,
  ports: readonly ProtectedPort[] = [portOf(VIP)],
): readonly string[] {
  const script = renderProtection(modelOf(ports, policy), CONTEXT);
  const lines = script
    .slice(script.indexOf('\n}\n') + 3)
    .replaceAll(`${TABLE} `, '')
    .trim()
    .split('\n');
  return lines.filter((line) => !/^add (counter|chain|rule (of-proxy|output|answer)) /.test(line));
}

describe('the rules of one Service', () => {
  const arrives = `add element arrivals4 { ${VIP} . tcp . 80 : goto arrival.default.echo }`;
  const connects = `add element connections4 { ${VIP} . tcp . 80 : goto connection.default.echo }`;

  it('compare sources with the ranges, before anything else', () => {
    const sourceRanges = [entryOf('198.51.100.0/24').range, entryOf('203.0.113.7').range];
    expect(linesFor({ sourceRanges })).toEqual([
      'add set ranges4.default.echo { type ipv4_addr; flags interval,timeout; }',
      'add element ranges4.default.echo { 198.51.100.0-198.51.100.255, 203.0.113.7 }',
      'add rule arrival.default.echo ip saddr != @ranges4.default.echo counter name outside-ranges.default.echo drop',
      arrives,
    ]);
  });

  it('let in nobody of a family that the ranges do not name', () => {
    expect(linesFor({ sourceRanges: [entryOf('::/0').range] })).toEqual([
      'add rule arrival.default.echo meta nfproto ipv4 counter name outside-ranges.default.echo drop',
      arrives,
    ]);
  });

  it('limit what each source begins, and block who exceeds', () => {
    const key = 'ip saddr . ip daddr . th dport';
    const sources = 'type ipv4_addr . ipv4_addr . inet_service; size 65536;';
    expect(
      linesFor({ connectionRate: { perSecond: 20, burst: 60 }, openConnections: 9, blockForSeconds: 30 }),
    ).toEqual([
      `add set rate4.20-60 { ${sources} flags dynamic,timeout; timeout 60s; }`,
      `add set open4.9 { ${sources} flags dynamic; }`,
      `add set offenders4 { ${sources} flags dynamic,timeout; }`,
      `add rule arrival.default.echo ${key} @offenders4 counter name blocked.default.echo drop`,
      `add rule connection.default.echo update @rate4.20-60 { ${key} limit rate over 20/second burst 60 packets } update @offenders4 { ${key} timeout 30s } counter name connection-rate.default.echo drop`,
      `add rule connection.default.echo add @open4.9 { ${key} ct count over 9 } update @offenders4 { ${key} timeout 30s } counter name open-connections.default.echo drop`,
      arrives,
      connects,
    ]);
  });

  it('take 64 bits of an IPv6 address for one source', () => {
    const lines = linesFor({ openConnections: 9 }, [portOf(VIP6)]);
    expect(lines).toContain(
      'add rule connection.default.echo add @open6.9 { ip6 saddr & ffff:ffff:ffff:ffff:: . ip6 daddr . th dport ct count over 9 } counter name open-connections.default.echo drop',
    );
    expect(lines.join()).not.toContain('open4');
  });

  it('keep first packets from connection tracking, always or while flooded', () => {
    const first = 'meta nfproto ipv4 tcp flags & (fin | syn | rst | ack) == syn fib daddr type local';
    const proxy = 'counter name syn-proxied.default.echo notrack';
    expect(linesFor({ synProxy: 'always' })).toEqual([
      `add rule arrival.default.echo ${first} ${proxy}`,
      arrives,
      `add element proxied4 { ${VIP} . tcp . 80 }`,
    ]);
    expect(linesFor({ synProxy: { abovePerSecond: 500 } }).slice(0, 2)).toEqual([
      `add rule arrival.default.echo ${first} limit rate over 500/second burst 500 packets update @flooded4 { ip daddr . tcp dport timeout 10s }`,
      `add rule arrival.default.echo ${first} ip daddr . tcp dport @flooded4 ${proxy}`,
    ]);
  });

  it('have no SYN proxy for ports of other protocols', () => {
    const ports = [{ address: VIP, protocol: 'udp', port: 53 } as const];
    expect(linesFor({ synProxy: 'always' }, ports)).toEqual([
      `add element arrivals4 { ${VIP} . udp . 53 : goto arrival.default.echo }`,
    ]);
  });

  it('leave out of lists what has ended, and let the kernel end the rest', () => {
    const blocked = [
      '198.51.100.1 until 2026-11-20T23:59:59Z',
      '198.51.100.2 until 2026-11-21T00:01:00Z',
      '198.51.100.3',
    ];
    expect(linesFor({ blocked: blocked.map(entryOf) })).toContain(
      'add element blocked4.default.echo { 198.51.100.2 timeout 60s, 198.51.100.3 }',
    );
  });

  it('except whom the Service allows from all but ranges and impossible flags', () => {
    const allowed = [entryOf('198.51.100.1')];
    const policy = {
      allowed,
      sourceRanges: [entryOf('0.0.0.0/0').range],
      dropBogusFlags: true,
      openConnections: 1,
    };
    const rules = linesFor(policy).filter((line) => line.startsWith('add rule'));
    expect(rules.map((rule) => /outside|bogus|@allowed\S+ \w+|open-connections/.exec(rule)?.[0])).toEqual([
      'outside',
      'bogus',
      '@allowed4.default.echo counter',
      '@allowed4.default.echo return',
      'open-connections',
    ]);
  });

  it('bear names with any character', () => {
    const script = renderProtection(
      servicesOf({ 'my load.balancer_1': { ports: [portOf(VIP)], policy: { openConnections: 1 } } }),
      CONTEXT,
    );
    expect(script).toContain(`add chain ${TABLE} arrival.my_20_load_2e_balancer_5f_1\n`);
  });
});

describe('closed addresses', () => {
  it('stay open at the ports of their Services', () => {
    const closed = new Map([[VIP, [portOf(VIP), portOf(VIP, 443)]]]);
    const script = renderProtection({ ...NOTHING_TO_PROTECT, closed }, CONTEXT);
    expect(script).toContain(`add element ${TABLE} closed4 { ${VIP} }\n`);
    expect(script).toContain(`add element ${TABLE} open4 { ${VIP} . tcp . 80, ${VIP} . tcp . 443 }\n`);
  });
});

describe('the table', () => {
  const model = modelOf([portOf(VIP)], { openConnections: 1 });

  it('is there only while something is to be filtered', () => {
    expect(renderProtectionChanges(NOTHING_TO_PROTECT, NOTHING_TO_PROTECT, CONTEXT)).toBe('');
    expect(renderProtection(NOTHING_TO_PROTECT, CONTEXT)).toBe(`add table ${TABLE}\ndelete table ${TABLE}\n`);
    expect(renderProtectionChanges(model, NOTHING_TO_PROTECT, CONTEXT)).toContain(`delete table ${TABLE}`);
  });

  it('has no rule that an old kernel refuses', () => {
    const proxied = modelOf([portOf(VIP)], { synProxy: 'always' });
    expect(renderProtection(proxied, { ...CONTEXT, canStripOptions: false })).not.toContain(
      'reset tcp option',
    );
    expect(renderProtection(proxied, CONTEXT)).toContain('reset tcp option timestamp');
    expect(renderProtection(model, CONTEXT)).not.toMatch(/synproxy|output/);
  });
});

describe('changes', () => {
  it('lead to the same table as building it anew, through transactions that the kernel accepts', () => {
    fc.assert(
      fc.property(fc.array(anyModel, { minLength: 2, maxLength: 6 }), (models) => {
        const state = new TableState();
        let before = NOTHING_TO_PROTECT;
        for (const next of models) {
          state.run(renderProtectionChanges(before, next, CONTEXT));
          expect(state.contents).toEqual(new TableState().run(renderProtection(next, CONTEXT)).contents);
          before = next;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('write nothing when nothing differs, whether or not the objects are the same', () => {
    fc.assert(
      fc.property(anyModel, (same) => {
        expect(renderProtectionChanges(same, structuredClone(same), CONTEXT)).toBe('');
      }),
    );
  });

  it('leave alone what belongs to other Services', () => {
    const other = {
      ports: [portOf(VIP, 443)],
      policy: { openConnections: 7, blocked: [entryOf('198.51.100.1')] },
    };
    const before = servicesOf({
      'default/a': { ports: [portOf(VIP)], policy: { openConnections: 1 } },
      'default/b': other,
    });
    const after = servicesOf({
      'default/a': { ports: [portOf(VIP)], policy: { openConnections: 2 } },
      'default/b': other,
    });
    const script = renderProtectionChanges(before, after, CONTEXT);
    expect(script).toContain('open4.2');
    expect(script).not.toContain('default.b');
    expect(script).not.toContain('open4.7');
  });
});
