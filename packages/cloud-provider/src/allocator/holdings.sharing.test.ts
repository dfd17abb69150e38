// SPDX-License-Identifier: Apache-2.0
import { address, formatAddress } from '@fairlead/shared/address/address.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Handover, Holdings, type ReservedAddress } from './holdings.ts';
import { compatible, type SharingTerms, termsList } from './sharing.ts';
import { Tally } from './tally.ts';
import {
  type AnyClaim,
  admittedOf,
  anyClaim,
  anyTerms,
  isBlocked,
  isKept,
  mayJoin,
  mayShare,
  type Say,
} from './testing/sharing-model.ts';

const X = address('10.0.0.1');

function terms(ports: string, change: Partial<SharingTerms> = {}): SharingTerms {
  return {
    namespace: 'a',
    acrossNamespaces: false,
    ports: ports.split(' '),
    settled: true,
    localSelector: undefined,
    selector: 'app=x',
    interface: '',
    ...change,
  };
}

function claim(service: string, sharing: SharingTerms | undefined, createdAt = '2026-01-01T00:00:00Z') {
  return { service, addresses: [{ ...X, standing: 'accepted' as const }], createdAt, sharing };
}

function summary({ freed, loosened, affected }: Handover) {
  return { freed: freed.map(formatAddress), loosened: loosened.map(formatAddress), affected };
}

function newHoldings(): Holdings {
  return new Holdings({ restOf: () => 0 });
}

describe('who may share', () => {
  const local = (selector: string) => ({ localSelector: selector, selector });
  it.each<[string, SharingTerms, SharingTerms | undefined, boolean]>([
    ['other ports', terms('TCP/80'), terms('TCP/443'), true],
    ['the same port', terms('TCP/80'), terms('TCP/443 TCP/80'), false],
    ['one number, two protocols', terms('TCP/53'), terms('UDP/53'), true],
    ['one that does not share', terms('TCP/80'), undefined, false],
    ['one without ports', terms('TCP/80'), { ...terms('TCP/1'), ports: [] }, false],
    ['another namespace', terms('TCP/80'), terms('TCP/443', { namespace: 'b' }), false],
    [
      'another namespace, one consents',
      terms('TCP/80', { acrossNamespaces: true }),
      terms('TCP/443', { namespace: 'b' }),
      false,
    ],
    [
      'another namespace, both consent',
      terms('TCP/80', { acrossNamespaces: true }),
      terms('TCP/443', { namespace: 'b', acrossNamespaces: true }),
      true,
    ],
    [
      'own namespace, one would share with others',
      terms('TCP/80', { acrossNamespaces: true }),
      terms('TCP/443'),
      true,
    ],
    ['another interface', terms('TCP/80'), terms('TCP/443', { interface: 'eth1' }), false],
    ['other selectors', terms('TCP/80'), terms('TCP/443', { selector: 'app=y' }), true],
    ['other selectors, one Local', terms('TCP/80'), terms('TCP/443', local('app=y')), false],
    ['one selector, both Local', terms('TCP/80', local('app=y')), terms('TCP/443', local('app=y')), true],
    ['one selector, one Local', terms('TCP/80'), terms('TCP/443', local('app=x')), true],
  ])('%s', (_, one, other, expected) => {
    const holdings = newHoldings();
    holdings.observe(claim('a/one', one), 0);
    expect(holdings.isAvailableTo('a/other', X, other)).toBe(expected);
    holdings.observe(claim('a/other', other), 0);
    expect(holdings.holdersOf(X)).toEqual(expected ? ['a/one', 'a/other'] : ['a/one']);
    expect(holdings.rivalOf('a/other', X, other)).toBe(expected ? undefined : 'a/one');
    expect(holdings.rivalOf('a/one', X, one)).toBeUndefined();
  });

  it('says the same of two Services and of one against all that share an address', () => {
    fc.assert(
      fc.property(fc.array(anyTerms, { maxLength: 5 }), anyTerms, (present, newcomer) => {
        const tally = new Tally();
        const members: SharingTerms[] = [];
        for (const member of present) {
          if (member.ports.length === 0 || !members.every((other) => mayShare(other, member))) continue;
          tally.add(termsList(member));
          members.push(member);
        }
        const expected = members.every((member) => mayShare(member, newcomer));
        expect(members.every((member) => compatible(termsList(member), termsList(newcomer)))).toBe(expected);
        expect(tally.admits(termsList(newcomer))).toBe(expected);
      }),
    );
  });
});

describe('who stays when not all can', () => {
  it('is the one whose ports are as they were, then the older', () => {
    const holdings = newHoldings();
    holdings.observe(claim('a/old', terms('TCP/80'), '2026-01-01T00:00:00Z'), 0);
    holdings.observe(claim('a/young', terms('TCP/443'), '2026-01-02T00:00:00Z'), 0);
    const edited = holdings.observe(
      claim('a/old', terms('TCP/443', { settled: false }), '2026-01-01T00:00:00Z'),
      0,
    );
    expect(holdings.holdersOf(X)).toEqual(['a/young']);
    expect(summary(edited)).toEqual({ freed: [], loosened: [], affected: [] });
    expect(holdings.rivalOf('a/old', X, terms('TCP/443', { settled: false }))).toBe('a/young');
    expect(summary(holdings.forget('a/young', 0))).toMatchObject({ affected: ['a/old'] });
    expect(holdings.holdersOf(X)).toEqual(['a/old']);
  });

  it('lets nobody new in while one keeps the address who may not have it', () => {
    const holdings = newHoldings();
    holdings.observe(claim('a/one', terms('TCP/80'), '2026-01-01T00:00:00Z'), 0);
    holdings.observe(claim('a/two', terms('TCP/80 TCP/81'), '2026-01-02T00:00:00Z'), 0);
    const [wanted] = termsList(terms('TCP/443'));
    if (wanted === undefined) throw new Error('no terms');
    expect(holdings.nextJoinable(4, wanted, 0n, 'ascending')).toBeUndefined();
    expect(summary(holdings.forget('a/two', 0)).loosened).toEqual(['10.0.0.1']);
    expect(holdings.nextJoinable(4, wanted, 0n, 'ascending')).toBe(X.value);
  });

  it('tells when a sharer leaves, and when one gives up a port', () => {
    const holdings = newHoldings();
    holdings.observe(claim('a/one', terms('TCP/80')), 0);
    holdings.observe(claim('a/two', terms('TCP/443 TCP/8443')), 0);
    const fewer = holdings.observe(claim('a/two', terms('TCP/443')), 0);
    expect(summary(fewer)).toEqual({ freed: [], loosened: ['10.0.0.1'], affected: [] });
    expect(summary(holdings.observe(claim('a/two', terms('TCP/443 TCP/444')), 0)).loosened).toEqual([]);
    expect(summary(holdings.forget('a/one', 0))).toEqual({ freed: [], loosened: ['10.0.0.1'], affected: [] });
    expect(summary(holdings.forget('a/two', 0))).toEqual({ freed: ['10.0.0.1'], loosened: [], affected: [] });
  });
});

describe('reservations of shared addresses', () => {
  const reserved = (sharing: SharingTerms): ReservedAddress => ({
    ...X,
    standing: 'accepted',
    createdAt: '2026-01-02T00:00:00Z',
    sharing,
  });

  it('hold the ports of the state that is being written, and of the observed one', () => {
    const holdings = newHoldings();
    holdings.observe(claim('a/one', terms('TCP/80')), 0);
    holdings.reserve('a/two', [reserved(terms('TCP/443'))], 0);
    expect(holdings.holdersOf(X)).toEqual(['a/one', 'a/two']);
    expect(holdings.isAvailableTo('a/three', X, terms('TCP/443'))).toBe(false);
    holdings.observe(claim('a/two', terms('TCP/444')), 0);
    expect(holdings.isAvailableTo('a/three', X, terms('TCP/443'))).toBe(false);
    expect(holdings.isAvailableTo('a/three', X, terms('TCP/444'))).toBe(false);
    expect(summary(holdings.reserve('a/two', [], 0)).loosened).toEqual(['10.0.0.1']);
    expect(holdings.isAvailableTo('a/three', X, terms('TCP/443'))).toBe(true);
    expect(holdings.isAvailableTo('a/three', X, terms('TCP/444'))).toBe(false);
  });

  it('count for the creation time that they come with', () => {
    const holdings = newHoldings();
    holdings.reserve('a/two', [reserved(terms('TCP/80'))], 0);
    holdings.observe(claim('a/one', terms('TCP/80'), '2026-01-01T00:00:00Z'), 0);
    expect(holdings.holdersOf(X)).toEqual(['a/one']);
  });
});

describe('against the rules, the slow way', () => {
  const texts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
  const observe = (holdings: Holdings, { service, address: text, standing, createdAt, sharing }: AnyClaim) =>
    holdings.observe({ service, addresses: [{ ...address(text), standing }], createdAt, sharing }, 0);
  const saysOf = (model: ReadonlyMap<string, AnyClaim>, text: string): readonly Say[] =>
    [...model.values()].filter((each) => each.address === text);
  const blockedOf = (model: ReadonlyMap<string, AnyClaim>) =>
    new Set(
      [...model.values()]
        .filter(({ address: text, service }) => isBlocked(saysOf(model, text), service))
        .map(({ service }) => service),
    );

  it('agrees on holders, on who is in the way, on what is freed and on where one can join', () => {
    const step = fc.record({ claim: anyClaim(6, texts), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), anyTerms, (steps, newcomer) => {
        const holdings = newHoldings();
        const model = new Map<string, AnyClaim>();
        for (const { claim: next, leaves } of steps) {
          const before = new Map(model);
          if (leaves) model.delete(next.service);
          else model.set(next.service, next);
          const handover = leaves ? holdings.forget(next.service, 0) : observe(holdings, next);
          expectHandover(handover, before, model, next.service);
          expectLoosened(handover, before, model, newcomer);
        }
        for (const text of texts) expectRights(holdings, saysOf(model, text), text, newcomer);
        expectJoinable(holdings, model, newcomer);
      }),
      { numRuns: 500 },
    );
  });

  function expectHandover(
    { freed, affected }: Handover,
    before: ReadonlyMap<string, AnyClaim>,
    after: ReadonlyMap<string, AnyClaim>,
    changed: string,
  ): void {
    const old = before.get(changed)?.address;
    const isFreed = old !== undefined && saysOf(after, old).length === 0;
    expect(freed.map(formatAddress)).toEqual(isFreed ? [old] : []);
    const [blockedBefore, blocked] = [blockedOf(before), blockedOf(after)];
    for (const service of after.keys()) {
      if (service === changed) expect(affected).not.toContain(service);
      else if (blocked.has(service) !== blockedBefore.has(service)) expect(affected).toContain(service);
    }
  }

  function expectLoosened(
    { loosened }: Handover,
    before: ReadonlyMap<string, AnyClaim>,
    after: ReadonlyMap<string, AnyClaim>,
    newcomer: SharingTerms,
  ): void {
    const wasJoinable = joinableOf(before, newcomer);
    for (const text of joinableOf(after, newcomer)) {
      if (saysOf(before, text).length > 0 && !wasJoinable.includes(text)) {
        expect(loosened.map(formatAddress)).toContain(text);
      }
    }
  }

  function joinableOf(model: ReadonlyMap<string, AnyClaim>, newcomer: SharingTerms): readonly string[] {
    if (newcomer.ports.length === 0) return [];
    return texts.filter((text) => {
      const says = saysOf(model, text);
      const admitted = admittedOf(says);
      const isContested = says.some((say) => isKept(say) && !admitted.includes(say));
      return says.length > 0 && !isContested && mayJoin(says, newcomer);
    });
  }

  function expectRights(
    holdings: Holdings,
    says: readonly Say[],
    text: string,
    newcomer: SharingTerms,
  ): void {
    const at = address(text);
    expect(holdings.holdersOf(at)).toEqual(admittedOf(says).map(({ service }) => service));
    expect(holdings.isAvailableTo('b/new', at, newcomer)).toBe(mayJoin(says, newcomer));
    for (const say of says) {
      expect(holdings.isAvailableTo(say.service, at, say.sharing)).toBe(!isBlocked(says, say.service));
      // Who asks on other terms than it is known by is judged as if it had claimed the address on these.
      const changed = says.map((other) => (other === say ? { ...say, sharing: newcomer } : other));
      expect(holdings.isAvailableTo(say.service, at, newcomer)).toBe(!isBlocked(changed, say.service));
    }
  }

  function expectJoinable(
    holdings: Holdings,
    model: ReadonlyMap<string, AnyClaim>,
    newcomer: SharingTerms,
  ): void {
    const [wanted] = termsList(newcomer);
    if (wanted === undefined) return;
    const joinable = joinableOf(model, newcomer);
    const found = (value: bigint | undefined) => value && formatAddress({ family: 4, value });
    expect(found(holdings.nextJoinable(4, wanted, 0n, 'ascending'))).toBe(joinable[0]);
    expect(found(holdings.nextJoinable(4, wanted, 1n << 32n, 'descending'))).toBe(joinable.at(-1));
  }

  it('does not depend on the order in which claims come, nor on what was claimed before', () => {
    const claims = fc.uniqueArray(anyClaim(8, texts), { selector: ({ service }) => service, minLength: 2 });
    const shuffled = claims.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray([...all], { minLength: all.length }),
        fc.array(anyClaim(8, texts), { maxLength: 8 }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([one, other, past]) => {
        const first = newHoldings();
        for (const each of one) observe(first, each);
        const second = newHoldings();
        for (const each of past) observe(second, each);
        for (const each of past) second.forget(each.service, 0);
        for (const each of other) observe(second, each);
        for (const text of texts) {
          expect(second.holdersOf(address(text))).toEqual(first.holdersOf(address(text)));
          for (const { service, sharing } of one) {
            expect(second.rivalOf(service, address(text), sharing)).toBe(
              first.rivalOf(service, address(text), sharing),
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
