// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GroupRecord } from '../ownership/raft/group-record.ts';
import { redacted } from './redact.ts';
import { type StatusSources, statusReport } from './status-report.ts';
import { statusTable } from './status-table.ts';
import { heldAddress, raftStatus, statusSources } from './testing.ts';

const GROUP: GroupRecord = {
  groupId: '0123456789abcdef0123456789abcdef',
  epoch: 3,
  engine: 'raft',
  switching: undefined,
  size: 3,
  voters: ['a', 'b', 'c'],
  previous: undefined,
  writer: 'a/00000000000000aa',
};

function busy(): StatusSources {
  return statusSources({
    group: GROUP,
    raft: raftStatus({
      members: new Map([
        ['a', 'lost'],
        ['b', 'up'],
        ['c', 'up'],
        ['d', 'up'],
      ]),
    }),
    ownership: {
      grants: new Map([['192.0.2.7', Number.POSITIVE_INFINITY]]),
      version: 1,
      owners: new Map([
        ['192.0.2.7', { node: 'b', sinceMs: 4_000 }],
        ['192.0.2.8', { node: 'd', sinceMs: 1_000 }],
      ]),
      lostNodes: new Set(['a']),
    },
    held: new Map([['192.0.2.7', heldAddress('192.0.2.7', { untilMs: Number.POSITIVE_INFINITY })]]),
    services: [
      { key: 'default/echo', addresses: ['192.0.2.7'] },
      { key: 'default/other', addresses: ['192.0.2.8', '192.0.2.7'] },
    ],
    groups: [{ addresses: ['192.0.2.7', '192.0.2.8'], candidates: 'any' }],
    problems: new Map([['default/echo', [{ reason: 'ForeignClaim', message: 'somebody else' }]]]),
    failovers: [
      {
        atMs: 4_000,
        part: 'owner',
        reason: 'lost',
        from: 'a',
        to: ['b'],
        count: 7,
        addresses: ['192.0.2.7'],
        phases: { detectedMs: 251.26, placedMs: 5, announcedMs: 2 },
      },
    ],
  });
}

describe('the report', () => {
  it('has members, owners, failovers and the group', () => {
    const report = statusReport(busy());
    expect(report).toMatchObject({
      node: 'b',
      well: true,
      coordinator: { node: 'c', term: 4, heardMsAgo: 10 },
      group: { epoch: 3, engine: 'raft', voters: ['a', 'b', 'c'], switchingTo: null },
      problems: [{ service: 'default/echo', reason: 'ForeignClaim' }],
      traffic: { sent: 10, ignored: { badSignature: 2 }, renewalsLate: 3 },
    });
    expect(report.members).toEqual([
      { node: 'a', role: 'voter', state: 'lost', heardMsAgo: null, epoch: null },
      { node: 'b', role: 'voter', state: 'up', heardMsAgo: 0, epoch: 3 },
      { node: 'c', role: 'voter', state: 'up', heardMsAgo: 10, epoch: null },
      { node: 'd', role: 'member', state: 'up', heardMsAgo: null, epoch: null },
    ]);
    expect(report.addresses).toMatchObject([
      {
        address: '192.0.2.7',
        owner: 'b',
        ownerSince: '2025-12-31T23:59:59.000Z',
        services: ['default/echo', 'default/other'],
        here: { interface: 'eth0', answering: true, grantMsLeft: null },
      },
      { address: '192.0.2.8', owner: 'd', here: null },
    ]);
    expect(report.failovers).toMatchObject([
      {
        reason: 'lost',
        from: 'a',
        count: 7,
        detectedMs: 251.3,
        grantedMs: null,
        placedMs: 5,
        totalMs: 258.3,
      },
    ]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('says who carries the traffic of Services, where there are any', () => {
    expect(statusReport({ ...busy(), dataPlane: 'none' }).dataPlane).toBe('none');
    expect(statusReport(busy())).not.toHaveProperty('dataPlane');
  });

  it('is read from a table, too', () => {
    const table = statusTable(statusReport(busy()));
    expect(table).toContain('b: well (fairlead 1.2.3');
    expect(table).toContain('coordinator: c, term 4, heard 10 ms ago');
    expect(table).toMatch(/^a +voter +lost +- +-$/m);
    expect(table).toMatch(
      /^192\.0\.2\.7 +b +2025-12-31T23:59:59\.000Z +answers on eth0 +default\/echo default\/other$/m,
    );
    expect(table).toMatch(/lost +a +b +192\.0\.2\.7 and 6 more +251\.3 +- +5 +2 +258\.3$/m);
  });

  it('has the endpoints that are probed, the dead first, and lists those in the table', () => {
    const verdict = { sinceMs: 4_000, against: 0 };
    const verdicts = new Map([
      ['default/echo tcp/80/10.1.0.1', { ...verdict, state: 'up', detail: 'status 200' }],
      ['default/echo tcp/80/10.1.0.2', { ...verdict, state: 'down', detail: 'connection refused' }],
      ['default/echo tcp/80/10.1.0.3', { ...verdict, state: 'unknown', detail: '' }],
    ] as const);
    const report = statusReport({ ...busy(), verdicts });
    expect(report.endpoints[0]).toEqual({
      service: 'default/echo',
      endpoint: 'tcp/80/10.1.0.2',
      state: 'down',
      since: '2025-12-31T23:59:59.000Z',
      detail: 'connection refused',
    });
    const table = statusTable(report);
    expect(table).toContain('health checks: 1 up, 1 down, 1 not known yet');
    expect(table).toMatch(
      /^default\/echo +tcp\/80\/10\.1\.0\.2 +2025-12-31T23:59:59\.000Z +connection refused$/m,
    );
    expect(table).not.toContain('10.1.0.1');
    expect(statusTable(statusReport(busy()))).not.toContain('health checks');
  });

  it('is not well without an owner where there could be one', () => {
    const owners = new Map();
    const lonely = busy();
    const without = { ...lonely, ownership: { ...lonely.ownership, owners } };
    expect(statusReport(without).well).toBe(false);
    const nobodyCan = [{ addresses: ['192.0.2.7', '192.0.2.8'], candidates: new Set<string>() }];
    expect(statusReport({ ...without, groups: nobodyCan }).well).toBe(true);
  });

  it.each([
    ['a check fails', { checks: [{ name: 'main loop', ok: false, detail: 'stuck' }] }],
    ['the engine cannot', { engine: { name: 'raft', health: { ok: false, detail: 'no majority' } } }],
    ['the port is taken', { raft: raftStatus({ problem: 'port 7947 is in use' }) }],
  ] as const)('is not well when %s', (_what, more) => {
    expect(statusReport({ ...busy(), ...more }).well).toBe(false);
  });

  it('knows of Leases what there is to know', () => {
    const report = statusReport({
      ...busy(),
      raft: undefined,
      engine: { name: 'lease', health: { ok: true, detail: '' } },
    });
    expect(report.coordinator).toBeNull();
    expect(report.traffic).toBeNull();
    expect(report.members.map(({ node, state }) => [node, state])).toEqual([
      ['a', 'lost'],
      ['b', 'up'],
      ['d', 'up'],
    ]);
  });
});

describe('secrets', () => {
  const SECRET = 's3cr3t-of-the-group';

  /** Puts properties that nobody asked for into every object. */
  function salted(value: unknown): unknown {
    if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, salted(entry)]));
    if (value instanceof Set || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(salted);
    const entries = Object.entries(value).map(([key, entry]) => [key, salted(entry)] as const);
    return { ...Object.fromEntries(entries), groupKey: SECRET, keys: { signing: SECRET }, token: SECRET };
  }

  it('never get out, whatever the sources come to carry', () => {
    const text = JSON.stringify(statusReport(salted(busy()) as StatusSources));
    expect(text).not.toContain(SECRET);
    expect(text).toBe(JSON.stringify(statusReport(busy())));
  });

  it('are taken out of texts that quote them', () => {
    // No vowels, so that it is no part of the words around it.
    const secret = fc.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ0-9]{12,40}$/);
    const quote = fc.constantFrom<(secret: string) => string>(
      (text) => `401 for Authorization: Bearer ${text}`,
      (text) => `connect https://admin:${text}@192.0.2.1:6443 failed`,
      (text) => `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----`,
      (text) => `token eyJhbGciOi.${text}.${text} refused`,
    );
    fc.assert(
      fc.property(secret, quote, (text, inWords) => {
        const words = inWords(text);
        expect(redacted(words)).not.toContain(text);
        const sources = busy();
        const report = statusReport({
          ...sources,
          checks: [{ name: 'ownership', ok: false, detail: words }],
          engine: { name: 'raft', health: { ok: false, detail: words } },
          problems: new Map([['default/echo', [{ reason: 'ForeignClaim', message: words }]]]),
          held: new Map([['192.0.2.7', heldAddress('192.0.2.7', { answering: false, problem: words })]]),
        });
        expect(JSON.stringify(report)).not.toContain(text);
      }),
    );
  });

  it('leaves other texts alone', () => {
    const words = 'nobody answers on https://192.0.2.1:6443/api; mail basic words';
    expect(redacted('10.0.0.1: link eth1 is down')).toBe('10.0.0.1: link eth1 is down');
    expect(redacted(words)).toContain('https://192.0.2.1:6443/api');
  });
});
