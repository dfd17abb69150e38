// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Coordinator } from './coordinator.ts';
import type { Body, Grant, Message, Renew } from './messages.ts';
import { DEFAULT_PLACEMENT, Placement } from './placement.ts';
import { DEFAULT_TIMING, outlastMs } from './timing.ts';

const { grantMs, tailMs, gatherMs } = DEFAULT_TIMING;
const LOST_MS = outlastMs(DEFAULT_TIMING, grantMs);
const NEVER = Number.POSITIVE_INFINITY;

/** A coordinator whose reign begins at 0, and what it grants. */
function given(options: { silentUntilMs?: number; groups?: readonly string[] | 'unknown' } = {}) {
  const sent: { to: string; body: Body }[] = [];
  const coordinator = new Coordinator({
    timing: DEFAULT_TIMING,
    outbox: { send: (to, _instance, body) => void sent.push({ to, body }) },
    placement: new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined }),
    startMs: 0,
    silentUntilMs: options.silentUntilMs ?? 0,
    knownMembers: new Map(),
    knownLosses: new Map(),
  });
  const groups = options.groups ?? ['x'];
  if (groups !== 'unknown')
    coordinator.setGroups(groups.map((address) => ({ addresses: [address], candidates: 'any' })));
  const nonces = new Map<string, number>();
  const at = (nowMs: number, act: () => void = () => {}, rightUntilMs = NEVER) => {
    coordinator.tick(nowMs);
    act();
    coordinator.flush(nowMs, rightUntilMs);
  };
  const renew = (
    nowMs: number,
    name: string,
    change: Partial<Renew> & { instance?: string } = {},
    rightMs = NEVER,
  ) => {
    const { instance = `${name}1`, ...rest } = change;
    const nonce = (nonces.get(name) ?? 0) + 1;
    nonces.set(name, nonce);
    const body: Renew = {
      type: 'renew',
      reign: { term: 1, coordinator: { name: 'c', instance: 'c1' } },
      ...{ binding: 1, nonce, answered: nonce - 1, applied: 0, settled: 0, report: undefined },
      ...{ refused: [], letGo: false, availability: 'available', knowledge: 'current', newsVersion: 0 },
      ...rest,
    };
    const from = { name, instance };
    const message: Message = {
      groupId: 'g',
      epoch: 1,
      term: 1,
      from,
      to: 'c',
      toInstance: 'c1',
      sequence: 1,
      body,
    };
    at(nowMs, () => coordinator.heed(message, body, nowMs), rightMs);
  };
  return {
    coordinator,
    at,
    renew,
    report: (nowMs: number, name: string, addresses: readonly string[], ranOutMs?: number) =>
      renew(nowMs, name, { report: { page: 0, pages: 1, addresses, ranOutMs } }),
    /** Grants since the last call: `member: +added -removed`. */
    granted: () =>
      sent.splice(0).flatMap(({ to, body }) => {
        if (body.type !== 'grant' || body.add.length + body.remove.length === 0) return [];
        return [
          `${to}:${body.add.map((each) => ` +${each}`).join('')}${body.remove.map((each) => ` -${each}`).join('')}`,
        ];
      }),
    grants: () => sent.splice(0).flatMap(({ body }): Grant[] => (body.type === 'grant' ? [body] : [])),
    announced: () =>
      sent.splice(0).flatMap(({ body }) => (body.type === 'announce' ? [body.unknownBinding] : [])),
  };
}

/** `x` is on `a`; `b` has nothing. */
function withOwner(options: { silentUntilMs?: number } = {}) {
  const scene = given(options);
  scene.report(1, 'a', ['x']);
  scene.report(1, 'b', []);
  scene.at(gatherMs);
  scene.granted();
  return scene;
}

describe('a new coordinator', () => {
  it('counts the fall of the coordinator before, does not trust who failed often, and tells the next one', () => {
    const placement = new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined });
    const sent: Body[] = [];
    const coordinator = new Coordinator({
      timing: DEFAULT_TIMING,
      outbox: { send: (_to, _instance, body) => void sent.push(body) },
      placement,
      startMs: 0,
      silentUntilMs: 0,
      knownMembers: new Map([['old', 'up'] as const, ['gone', 'left'] as const]),
      knownLosses: new Map([['weak', { losses: 3, sinceMs: -1_000 }]]),
    });
    coordinator.tick(gatherMs);
    coordinator.flush(gatherMs, NEVER);
    expect([placement.lossesOf('old', gatherMs), placement.lossesOf('gone', gatherMs)]).toEqual([1, 0]);
    expect(placement.lossesOf('weak', gatherMs)).toBe(3);
    expect(placement.lossesOf('weak', DEFAULT_PLACEMENT.forgiveMs)).toBe(2);
  });

  it('extends what members report at once, and gives nothing else before it has heard who is there', () => {
    const { report, grants, at, granted } = given({ groups: ['x', 'y'] });
    report(1, 'a', ['x']);
    expect(grants()).toMatchObject([{ version: 0, lengthMs: grantMs, add: [], remove: [] }]);
    report(1, 'b', []);
    at(gatherMs - 1);
    expect(granted()).toEqual([]);
    at(gatherMs);
    expect(granted()).toEqual(['b: +y']);
  });

  it('waits for those who may hold something and say nothing', () => {
    const { report, at, granted } = given({ silentUntilMs: 250 });
    report(1, 'a', []);
    at(249);
    expect(granted()).toEqual([]);
    at(250);
    expect(granted()).toEqual(['a: +x']);
  });

  it('gives an address that has run out to whom had it last', () => {
    const { report, at, granted } = given();
    report(1, 'a', ['x'], 80);
    report(1, 'b', ['x'], 10);
    report(1, 'c', ['x'], 90);
    at(gatherMs);
    expect(granted()).toEqual(['b: +x']);
  });

  it('asks for a new report from those who think that it knows them', () => {
    const { renew, announced } = given();
    renew(1, 'a', { binding: 7, applied: 3 });
    expect(announced()).toEqual([7]);
  });

  it('keeps what members hold as long as it does not know what is wanted', () => {
    const { report, at, granted, coordinator } = given({ groups: 'unknown' });
    report(1, 'a', ['x']);
    at(gatherMs);
    expect(granted()).toEqual([]);
    at(gatherMs + 1, () => coordinator.setGroups([]));
    expect(granted()).toEqual(['a: -x']);
  });
});

describe('a coordinator', () => {
  it('grants for no longer than its right lasts, and the tail', () => {
    const { renew, grants } = withOwner();
    renew(200, 'a', {}, 200 + tailMs - 100);
    expect(grants()).toMatchObject([{ lengthMs: 2 * tailMs - 100 }]);
  });

  it('hands an address on when the old owner says that it is off its node', () => {
    const { renew, granted } = withOwner();
    renew(200, 'b');
    renew(201, 'a', { availability: 'draining' });
    expect(granted()).toEqual(['a: -x']);
    renew(203, 'a', { availability: 'draining', applied: 1, settled: 0 });
    expect(granted()).toEqual([]);
    renew(205, 'a', { availability: 'draining', applied: 1, settled: 1 });
    expect(granted()).toEqual(['b: +x']);
  });

  it('hands it on when the old owner has been silent for longer than a grant', () => {
    const { renew, at, granted } = withOwner();
    renew(200, 'a');
    renew(200, 'b');
    renew(400, 'b');
    at(200 + LOST_MS - 0.5);
    expect(granted()).toEqual([]);
    at(200 + LOST_MS);
    expect(granted()).toEqual(['b: +x']);
  });

  it('does not take an adopted address for free before the grant of the last coordinator has ended', () => {
    const { report, renew, at, granted } = given({ silentUntilMs: 200 });
    report(1, 'b', []);
    // Too short a right to answer: what it holds comes from the last coordinator.
    renew(1, 'a', { report: { page: 0, pages: 1, addresses: ['x'], ranOutMs: undefined } }, -tailMs);
    at(150, () => {}, -tailMs);
    renew(160, 'a', { availability: 'unavailable' }, -tailMs);
    at(199);
    expect(granted()).toEqual([]);
    at(200);
    at(201);
    expect(granted()).toContain('b: +x');
  });

  it('waits for the last instance of a member that was started anew', () => {
    const { renew, at, granted } = withOwner();
    renew(200, 'a');
    renew(210, 'a', { instance: 'a2', report: { page: 0, pages: 1, addresses: [], ranOutMs: undefined } });
    renew(220, 'a', { instance: 'a1' });
    renew(450, 'b');
    renew(451, 'a', { instance: 'a2' });
    expect(granted()).toEqual([]);
    at(200 + LOST_MS);
    expect(granted()).toEqual(['a: +x']);
  });

  it('does not believe an old report against what it has granted since', () => {
    const { renew, granted } = withOwner();
    renew(200, 'b');
    renew(400, 'b');
    expect(granted()).toEqual(['b: +x']);
    renew(501, 'b', { applied: 1, settled: 1 });
    renew(502, 'a', { binding: 2, report: { page: 0, pages: 1, addresses: ['x'], ranOutMs: undefined } });
    renew(510, 'a', { binding: 2 });
    expect(granted()).toEqual(['a: -x']);
  });

  it('ignores renewals that were overtaken', () => {
    const { renew, at, granted } = withOwner();
    renew(200, 'a');
    renew(200, 'b');
    renew(400, 'b');
    renew(450, 'a', { nonce: 1 });
    at(200 + LOST_MS);
    expect(granted()).toEqual(['b: +x']);
  });

  it('gives an address that is refused to somebody else, and tries again after a while', () => {
    const { renew, at, granted } = withOwner();
    renew(200, 'a', { refused: ['x'] });
    expect(granted()).toEqual(['a: -x', 'b: +x']);
    renew(201, 'b', { refused: ['x'], applied: 1, settled: 1 });
    expect(granted()).toEqual(['b: -x']);
    for (let nowMs = 300; nowMs <= 600; nowMs += 100) renew(nowMs, 'a', { applied: 1, settled: 1 });
    at(700);
    expect(granted()).toEqual(['a: +x']);
  });

  it('gives everything to others when a member has let go of it', () => {
    const { renew, granted } = withOwner();
    renew(200, 'b');
    renew(201, 'a', { availability: 'unavailable', letGo: true });
    expect(granted()).toEqual(['a: -x', 'b: +x']);
  });

  it('takes a member that does not get its answers for lost, until it gets one', () => {
    const { renew, at, coordinator, granted } = withOwner();
    for (let nowMs = 150; nowMs <= 1_000; nowMs += 50) {
      renew(nowMs, 'a', { answered: 1 });
      renew(nowMs, 'b', { applied: 1, settled: 1 });
    }
    expect(coordinator.members.get('a')?.state).toBe('deaf');
    at(1_001);
    expect(granted()).toContain('b: +x');
    renew(1_010, 'a');
    expect(coordinator.members.get('a')?.state).toBe('up');
  });

  it('sends a change again until it is acknowledged', () => {
    const { renew, at, granted } = withOwner();
    renew(200, 'a', { availability: 'draining' });
    expect(granted()).toEqual(['a: -x']);
    at(230);
    expect(granted()).toEqual(['a: -x']);
    renew(231, 'a', { availability: 'draining', applied: 1, settled: 1 });
    expect(granted()).toEqual(['b: +x']);
    at(240);
    expect(granted()).toEqual([]);
    at(260);
    expect(granted()).toEqual(['b: +x']);
  });
});
