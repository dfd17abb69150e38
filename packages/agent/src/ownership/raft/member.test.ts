// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Electorate } from './electorate.ts';
import { Member } from './member.ts';
import type { Body, Grant, Message, Renew } from './messages.ts';
import { ALL_RULES } from './rules.ts';
import { DEFAULT_TIMING } from './timing.ts';

const { grantMs, renewMs } = DEFAULT_TIMING;

/** A member and what it says. */
function given() {
  const sent: Body[] = [];
  const electorate = new Electorate(DEFAULT_TIMING, ALL_RULES);
  electorate.adopt({ epoch: 1, voters: ['a', 'b'] }, 0);
  const member = new Member({
    id: { name: 'm', instance: 'm1' },
    timing: DEFAULT_TIMING,
    electorate,
    outbox: { send: (_to, _instance, body) => void sent.push(body) },
    random: () => 0,
    startMs: 0,
    rules: ALL_RULES,
  });
  const from = (body: Body, coordinator: string, term: number): Message => ({
    groupId: 'g',
    epoch: 1,
    term,
    from: { name: coordinator, instance: `${coordinator}1` },
    to: 'm',
    toInstance: '',
    sequence: 1,
    body,
  });
  const at = (nowMs: number, act: () => void = () => {}) => {
    member.tick(nowMs);
    act();
    member.flush(nowMs);
  };
  return {
    member,
    at,
    /** The renewals since the last call. */
    renewals: () => sent.splice(0).filter((body): body is Renew => body.type === 'renew'),
    seeks: () => sent.splice(0).filter(({ type }) => type === 'seek').length,
    announce: (nowMs: number, coordinator = 'a', term = 1, unknownBinding = 0) => {
      const message = from({ type: 'announce', unknownBinding }, coordinator, term);
      at(nowMs, () => member.heedAnnouncement(message, unknownBinding, nowMs));
    },
    grant: (nowMs: number, grant: Partial<Grant>, coordinator = 'a', term = 1) => {
      const body: Grant = {
        ...{ type: 'grant', binding: 1, nonce: 1, lengthMs: grantMs, base: 0, version: 0 },
        ...{ add: [], remove: [] },
        ...grant,
      };
      at(nowMs, () => member.takeGrant(from(body, coordinator, term), body, nowMs));
    },
  };
}

/** One that was granted `x` and `y` at 0, which are on its node. */
function holding() {
  const scene = given();
  scene.announce(0);
  scene.grant(1, { version: 2, add: ['x', 'y'] });
  scene.at(2, () => scene.member.setOnNode(new Set(['x', 'y'])));
  scene.renewals();
  return scene;
}

describe('a member', () => {
  it('seeks a coordinator at the voters, and asks the one that says it is', () => {
    const { at, seeks, announce, renewals } = given();
    at(0);
    expect(seeks()).toBe(2);
    announce(1);
    expect(renewals()).toMatchObject([
      { binding: 1, nonce: 1, report: { page: 0, pages: 1, addresses: [] } },
    ]);
    at(1 + renewMs);
    expect(renewals()).toMatchObject([{ nonce: 2 }]);
  });

  it('counts a grant from when it asked', () => {
    const { member, announce, grant } = given();
    announce(0);
    grant(200, { version: 1, add: ['x'] });
    expect(member.mayAnswer('x', grantMs - 1)).toBe(true);
    expect(member.mayAnswer('x', grantMs)).toBe(false);
  });

  it('has no use for an answer that comes too late, or to what it never asked', () => {
    const { member, announce, grant } = given();
    announce(0);
    grant(grantMs, { version: 1, add: ['x'] });
    expect(member.mayAnswer('x', grantMs)).toBe(false);
    grant(grantMs, { nonce: 99, version: 1 });
    expect(member.mayAnswer('x', grantMs)).toBe(false);
  });

  it('extends nothing in the parts of a long change but the last', () => {
    const { member, announce, grant } = given();
    announce(0);
    grant(1, { version: 1, add: ['x'], lengthMs: 0 });
    expect(member.mayAnswer('x', 1)).toBe(false);
    grant(1, { base: 1, version: 2, add: ['y'] });
    expect(member.mayAnswer('x', 1)).toBe(true);
  });

  it('ignores what is older than what it has, and what has something missing before it', () => {
    const { member, grant } = holding();
    grant(10, { base: 2, version: 3, remove: ['x'] });
    grant(11, { base: 0, version: 2, add: ['x', 'y'] });
    expect(member.mayAnswer('x', 11)).toBe(false);
    grant(12, { base: 4, version: 5, add: ['z'] });
    expect(member.mayAnswer('z', 12)).toBe(false);
    expect([...member.addresses]).toEqual(['y']);
  });

  it('says that what was removed is off its node only when all of it is', () => {
    const { member, at, grant, renewals } = holding();
    grant(10, { base: 2, version: 4, remove: ['x', 'y'] });
    expect(member.mayAnswer('x', 10)).toBe(false);
    expect(renewals()).toMatchObject([{ applied: 4, settled: 2 }]);
    at(11, () => member.setOnNode(new Set(['y'])));
    expect(renewals()).toMatchObject([{ applied: 4, settled: 2 }]);
    at(12, () => member.setOnNode(new Set()));
    expect(renewals()).toMatchObject([{ applied: 4, settled: 4 }]);
  });

  it('reports what it holds to the next coordinator, and takes nothing from the last one any more', () => {
    const { member, announce, grant, renewals } = holding();
    announce(10, 'b', 2);
    expect(renewals()).toMatchObject([{ binding: 2, report: { addresses: ['x', 'y'] } }]);
    expect(member.mayAnswer('x', 10)).toBe(true);
    grant(11, { binding: 1, base: 2, version: 3, add: ['z'] });
    expect(member.mayAnswer('z', 11)).toBe(false);
    announce(12, 'a', 1);
    expect(renewals()).toEqual([]);
    grant(13, { binding: 2, nonce: 3, version: 1, remove: ['y'] }, 'b', 2);
    expect([...member.addresses]).toEqual(['x']);
  });

  it('says what it had when that has run out before there was another coordinator', () => {
    const { member, announce, renewals } = holding();
    announce(grantMs + 50, 'b', 2);
    expect(renewals()).toMatchObject([{ report: { addresses: ['x', 'y'], ranOutMs: 50 } }]);
    expect(member.mayAnswer('x', grantMs + 50)).toBe(false);
  });

  it('begins anew when the coordinator knows nothing of it', () => {
    const { announce, renewals } = holding();
    announce(10, 'a', 1, 1);
    expect(renewals()).toMatchObject([{ binding: 2, report: { addresses: ['x', 'y'] } }]);
  });

  it('lets go at once when it cannot serve, and says so when nothing is left on its node', () => {
    const { member, at, renewals } = holding();
    at(10, () => member.setAvailability('unavailable'));
    expect(member.mayAnswer('x', 10)).toBe(false);
    expect(renewals()).toMatchObject([{ availability: 'unavailable', letGo: false }]);
    at(11, () => member.setOnNode(new Set()));
    expect(renewals()).toMatchObject([{ letGo: true }]);
  });

  it('keeps off what it has said not to serve until that was taken from it', () => {
    const { member, at, grant, renewals } = holding();
    at(10, () => member.setRefused(new Set(['x'])));
    at(11, () => member.setOnNode(new Set(['y'])));
    expect(renewals().at(-1)).toMatchObject({ refused: ['x'] });
    at(12, () => member.setRefused(new Set()));
    expect(member.mayAnswer('x', 12)).toBe(false);
    expect(renewals().at(-1)).toMatchObject({ refused: ['x'] });
    grant(13, { base: 2, version: 3, remove: ['x'] });
    grant(14, { base: 3, version: 4, add: ['x'] });
    expect(member.mayAnswer('x', 14)).toBe(true);
  });

  it('trusts nothing after a gap longer than a grant, or when time was lost', () => {
    const { member, at, grant, renewals } = holding();
    at(10, () => member.loseTime());
    expect(member.mayAnswer('x', 10)).toBe(false);
    grant(11, { base: 2, version: 2, nonce: 2 });
    expect(member.mayAnswer('x', 11)).toBe(false);
    at(10 + renewMs);
    const nonce = renewals().at(-1)?.nonce ?? 0;
    grant(11 + renewMs, { base: 2, version: 2, nonce });
    expect(member.mayAnswer('x', 11 + renewMs)).toBe(true);
  });

  it('reports more than fits into one message page by page', () => {
    const { announce, grant, renewals } = given();
    const many = Array.from({ length: 100 }, (_, index) => `a${index}`);
    announce(0);
    grant(1, { version: 100, add: many });
    renewals();
    announce(2, 'b', 2);
    const reports = renewals().map(({ report }) => report);
    expect(reports.map((report) => report?.page)).toEqual([0, 1, 2]);
    expect(reports.flatMap((report) => report?.addresses ?? [])).toEqual(many);
  });
});
