// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityOf, readListing } from './accept-rule.ts';
import { hasKubeProxy, planChange, restoreLines } from './plan.ts';
import type { WantedRule } from './pool-rules.ts';

const FIRST: WantedRule = { family: 4, cidr: '192.0.2.0/28', comment: 'fairlead starboard [cidr-a]' };
const WANTED: readonly WantedRule[] = [
  FIRST,
  { family: 4, cidr: '192.0.2.64/26', comment: 'fairlead starboard [cidr-b]' },
  { family: 4, cidr: '198.51.100.7/32', comment: 'fairlead starboard [range-a,range-b]' },
];

const lineOf = ({ cidr, comment }: WantedRule) =>
  `-A PREROUTING -d ${cidr} -m comment --comment "${comment}" -j ACCEPT`;
const PROXY = '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES';
const FOREIGN = '-A PREROUTING -d 192.0.2.0/28 -j ACCEPT';
const PEER = '-A PREROUTING -d 192.0.2.0/28 -m comment --comment "kube-vip rule for [cidr-global]" -j ACCEPT';

const listing = (lines: readonly string[]) => readListing(['-P PREROUTING ACCEPT', ...lines, ''].join('\n'));

/** What `iptables-restore` makes of a chain; fails where it would. */
function applied(lines: readonly string[], script: readonly string[]): readonly string[] {
  const chain = [...lines];
  for (const step of script) {
    const deletion = /^-D PREROUTING (.*)$/.exec(step);
    const insertion = /^-I PREROUTING 1 (.*)$/.exec(step);
    if (deletion !== null) {
      const at = chain.indexOf(`-A PREROUTING ${deletion[1]}`);
      if (at < 0) throw new Error(`no such rule: ${step}`);
      chain.splice(at, 1);
    } else if (insertion !== null) chain.unshift(`-A PREROUTING ${insertion[1]}`);
    else throw new Error(`not understood: ${step}`);
  }
  return chain;
}

describe('the difference between a chain and what is wanted', () => {
  it('is nothing when all is well, in any order and however addresses are written', () => {
    const lines = WANTED.map(lineOf);
    expect(planChange(listing([...lines, PROXY]), WANTED)).toBeUndefined();
    expect(planChange(listing([...lines.toReversed(), PROXY]), WANTED)).toBeUndefined();
    const v6: WantedRule = { family: 6, cidr: '2001:db8::/64', comment: 'fairlead starboard [cidr-a]' };
    expect(planChange(listing([lineOf({ ...v6, cidr: '2001:0db8:0:0::/64' })]), [v6])).toBeUndefined();
  });

  it('puts new rules in front, and writes no other', () => {
    const [first = '', ...others] = WANTED.map(lineOf);
    const plan = planChange(listing([...others, PROXY]), WANTED);
    expect(plan).toEqual({ deletions: [], insertions: [first.replace('-A PREROUTING ', '')] });
  });

  it("takes over the peer's rules, and those of ours that were changed", () => {
    const changed = lineOf(FIRST).replace('-m comment', '-i lo -m comment');
    const lines = [PEER, changed, PROXY, FOREIGN];
    const plan = planChange(listing(lines), WANTED.slice(0, 1));
    expect(applied(lines, plan === undefined ? [] : restoreLines(plan))).toEqual([
      lineOf(FIRST),
      PROXY,
      FOREIGN,
    ]);
  });

  it('lets others be first where only kube-proxy matters', () => {
    const lines = [FOREIGN, ...WANTED.map(lineOf), PROXY];
    expect(planChange(listing(lines), WANTED, 'before-kube-proxy')).toBeUndefined();
    expect(planChange(listing([PROXY, ...lines]), WANTED, 'before-kube-proxy')).toBeDefined();
    expect(planChange(listing(lines), WANTED, 'first')).toBeDefined();
  });

  it('sees whether kube-proxy is there', () => {
    expect(hasKubeProxy(listing([FOREIGN]))).toBe(false);
    expect(hasKubeProxy(listing([FOREIGN, PROXY]))).toBe(true);
  });

  it('turns any chain into what is wanted, in one step, and leaves the rules of others as they were', () => {
    const ours = fc.constantFrom(...WANTED.map(lineOf));
    const stale = fc.constantFrom(
      PEER,
      lineOf({ family: 4, cidr: '203.0.113.0/24', comment: 'fairlead starboard [old]' }),
      lineOf({ family: 4, cidr: '192.0.2.0/28', comment: 'fairlead starboard [x" \\y]' }),
    );
    const others = fc.constantFrom(
      FOREIGN,
      PROXY,
      '-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80',
    );
    const chain = fc.array(fc.oneof(ours, stale, others), { maxLength: 12 });
    fc.assert(
      fc.property(
        chain,
        fc.subarray([...WANTED]),
        fc.constantFrom('first' as const, 'before-kube-proxy' as const),
        (lines, wanted, place) => {
          const plan = planChange(listing(lines), wanted, place);
          const after = applied(lines, plan === undefined ? [] : restoreLines(plan));
          const isOther = (line: string) => !listing([line])[0]?.isTagged;
          expect(after.filter(isOther)).toEqual(lines.filter(isOther));
          const tagged = listing(after).filter(({ isTagged }) => isTagged);
          expect(tagged.map(({ identity }) => identity).toSorted()).toEqual(
            wanted.map(({ cidr, comment }) => identityOf(cidr, comment)).toSorted(),
          );
          expect(planChange(listing(after), wanted, place)).toBeUndefined();
          if (place === 'first')
            expect(after.slice(0, wanted.length).every((line) => !isOther(line))).toBe(true);
        },
      ),
    );
  });
});
