// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, describe, expect, it } from 'vitest';
import type { IptablesBackend } from '../system/iptables.ts';
import { readListing } from './accept-rule.ts';
import type { Chains } from './chains.ts';
import type { WantedRule } from './pool-rules.ts';
import { Starboard, type StarboardOptions } from './starboard.ts';

const PROXY = '-j KUBE-SERVICES';
const RULE: WantedRule = { family: 4, cidr: '192.0.2.0/28', comment: 'fairlead starboard [cidr-a]' };
const SPEC = '-d 192.0.2.0/28 -m comment --comment "fairlead starboard [cidr-a]" -j ACCEPT';
const OTHER = '-d 192.0.2.9/32 -j RETURN';

/** Chains in memory that understand what we write. */
class FakeChains implements Chains {
  readonly rules = new Map<string, string[]>();
  failing = false;
  changes = 0;

  of(backend: IptablesBackend, family: Family = 4): string[] {
    const key = `${backend}/${family}`;
    const found = this.rules.get(key) ?? [];
    this.rules.set(key, found);
    return found;
  }

  list: Chains['list'] = (backend, family) => {
    if (this.failing) return Promise.reject(new Error('the lock is held'));
    const lines = this.of(backend, family).map((spec) => `-A PREROUTING ${spec}`);
    return Promise.resolve(readListing(lines.join('\n')));
  };

  change: Chains['change'] = (backend, family, lines) => {
    this.changes += 1;
    const rules = this.of(backend, family);
    for (const line of lines) {
      const [, word, spec = ''] = /^(-D PREROUTING|-I PREROUTING 1) (.*)$/.exec(line) ?? [];
      if (word === '-I PREROUTING 1') rules.unshift(spec);
      else rules.splice(rules.indexOf(spec), 1);
    }
    return Promise.resolve();
  };
}

const running: Starboard[] = [];
afterEach(async () => {
  for (const starboard of running.splice(0)) await starboard.stop();
});

function create(special: Partial<StarboardOptions> = {}) {
  const chains = new FakeChains();
  const clock = new ManualClock();
  const refusals: string[] = [];
  const starboard = new Starboard({
    chains,
    backend: 'legacy',
    wanted: () => [RULE],
    dataPlane: () => Promise.resolve(undefined),
    hasProxyTable: () => false,
    hasNftChanged: () => false,
    isForced: false,
    patienceMs: 30_000,
    onRefusal: (why) => refusals.push(why),
    clock,
    random: () => 0,
    logger: silentLogger,
    ...special,
  });
  running.push(starboard);
  return { chains, clock, refusals, starboard };
}

describe('keeping the rules', () => {
  it('writes them once, and again when they are gone', async () => {
    const { chains, clock, starboard } = create();
    starboard.start();
    await clock.advanceAsync(2_000);
    expect(chains.of('legacy')).toEqual([SPEC]);
    expect(chains.changes).toBe(1);
    expect(starboard.stats).toMatchObject({
      repairs: 0,
      rules: new Map([
        [4, 1],
        [6, 0],
      ]),
    });
    expect(starboard.ready()).toEqual([{ name: 'rules', ok: true }]);
    chains.of('legacy').length = 0;
    await clock.advanceAsync(1_000);
    expect(chains.of('legacy')).toEqual([SPEC]);
    expect(starboard.stats.repairs).toBe(1);
  });

  it('looks at nftables only when something has changed there, or half a minute has passed', async () => {
    let changed = false;
    const { chains, clock, starboard } = create({ backend: 'nft', hasNftChanged: () => changed });
    starboard.start();
    await clock.advanceAsync(1_000);
    chains.of('nft').length = 0;
    await clock.advanceAsync(5_000);
    expect(chains.of('nft')).toEqual([]);
    changed = true;
    await clock.advanceAsync(250);
    expect(chains.of('nft')).toEqual([SPEC]);
    changed = false;
    chains.of('nft').length = 0;
    await clock.advanceAsync(30_000);
    expect(chains.of('nft')).toEqual([SPEC]);
  });

  it('leaves what a killed run left until the ConfigMap is known', async () => {
    let wanted: readonly WantedRule[] | undefined;
    const { chains, clock, starboard } = create({ wanted: () => wanted });
    const stale = SPEC.replace('cidr-a', 'cidr-old');
    chains.of('legacy').push(stale);
    starboard.start();
    await clock.advanceAsync(5_000);
    expect(chains.of('legacy')).toEqual([stale]);
    expect(starboard.ready()[0]?.ok).toBe(false);
    wanted = [RULE];
    starboard.wake();
    await clock.advanceAsync(0);
    expect(chains.of('legacy')).toEqual([SPEC]);
  });

  it('sweeps the other back end', async () => {
    const { chains, clock, starboard } = create();
    chains
      .of('nft', 6)
      .push('-d 2001:db8::/64 -m comment --comment "kube-vip rule for [cidr-x]" -j ACCEPT', OTHER);
    starboard.start();
    await clock.advanceAsync(0);
    expect(chains.of('nft', 6)).toEqual([OTHER]);
  });

  it('tries again after a failure, more and more seldom, and tells of it once', async () => {
    const told: string[] = [];
    const logger = Object.create(silentLogger, {
      error: { value: (_: unknown, text: string) => told.push(text) },
    });
    const { chains, clock, starboard } = create({ logger });
    chains.failing = true;
    starboard.start();
    await clock.advanceAsync(60_000);
    expect(told).toHaveLength(1);
    expect(starboard.ready()).toEqual([{ name: 'rules', ok: false, detail: 'the lock is held' }]);
    expect(starboard.stats.failures).toBeGreaterThan(4);
    expect(starboard.stats.failures).toBeLessThan(16);
    chains.failing = false;
    await clock.advanceAsync(11_000);
    expect(chains.of('legacy')).toEqual([SPEC]);
  });

  it('does not fight for ever with somebody who wants to be first, too', async () => {
    const { chains, clock, starboard } = create({ isForced: true });
    const rules = chains.of('legacy');
    rules.push(PROXY);
    starboard.start();
    await clock.advanceAsync(0);
    const fight = async () => {
      if (rules[0] === OTHER) return;
      const at = rules.indexOf(OTHER);
      if (at >= 0) rules.splice(at, 1);
      rules.unshift(OTHER);
      await clock.advanceAsync(800);
    };
    for (let round = 0; round < 50; round += 1) await fight();
    expect(rules).toEqual([OTHER, SPEC, PROXY]);
    expect(starboard.stats.repairs).toBeLessThanOrEqual(6);
    // What matters is still seen to.
    rules.reverse();
    await clock.advanceAsync(800);
    expect(rules.indexOf(SPEC)).toBeLessThan(rules.indexOf(PROXY));
  });
});

describe('where kube-proxy hangs in the same chain', () => {
  const besideKubeProxy = (special: Partial<StarboardOptions>) => {
    const made = create(special);
    made.chains.of('legacy').push(SPEC, PROXY);
    made.starboard.start();
    return made;
  };

  it('no rule is written as long as nobody says who carries the traffic, and none is left', async () => {
    let plane: string | undefined;
    const { chains, clock, refusals, starboard } = besideKubeProxy({
      dataPlane: () => Promise.resolve(plane),
    });
    await clock.advanceAsync(5_000);
    expect(chains.of('legacy')).toEqual([PROXY]);
    expect(refusals).toEqual([]);
    plane = 'nftables';
    await clock.advanceAsync(2_000);
    expect(chains.of('legacy')).toEqual([SPEC, PROXY]);
    expect(starboard.case).toBe('cuts-off');
    // It is restarted: nothing changes because of that.
    plane = undefined;
    await clock.advanceAsync(60_000);
    expect(chains.of('legacy')).toEqual([SPEC, PROXY]);
    expect(refusals).toEqual([]);
  });

  it('it is refused at once when the agent leaves traffic to kube-proxy, and after a while when there is no agent', async () => {
    const none = besideKubeProxy({ dataPlane: () => Promise.resolve('none') });
    await none.clock.advanceAsync(0);
    expect(none.chains.of('legacy')).toEqual([PROXY]);
    expect(none.refusals[0]).toContain('fairlead_balance=none');
    const nobody = besideKubeProxy({});
    await nobody.clock.advanceAsync(29_000);
    expect(nobody.refusals).toEqual([]);
    await nobody.clock.advanceAsync(3_000);
    expect(nobody.refusals[0]).toContain('no agent on this node');
  });

  it('it is done when forced', async () => {
    const { chains, clock, refusals } = besideKubeProxy({
      isForced: true,
      dataPlane: () => Promise.resolve('none'),
    });
    await clock.advanceAsync(60_000);
    expect(chains.of('legacy')).toEqual([SPEC, PROXY]);
    expect(refusals).toEqual([]);
  });

  it('also when kube-proxy comes later', async () => {
    const { chains, clock, refusals, starboard } = create({ dataPlane: () => Promise.resolve('none') });
    starboard.start();
    await clock.advanceAsync(1_000);
    expect(chains.of('legacy')).toEqual([SPEC]);
    expect(starboard.case).toBe('absent');
    chains.of('legacy').push(PROXY);
    await clock.advanceAsync(1_000);
    expect(chains.of('legacy')).toEqual([PROXY]);
    expect(refusals).toHaveLength(1);
  });
});

it.each([
  ['nft', PROXY, 'elsewhere'],
  ['legacy', PROXY, 'cuts-off'],
  ['legacy', OTHER, 'absent'],
] as const)('kube-proxy in %s by "%s" is the case %s', async (backend, spec, found) => {
  const { chains, clock, starboard } = create();
  chains.of(backend).push(spec);
  starboard.start();
  await clock.advanceAsync(0);
  expect(starboard.case).toBe(found);
});

it('a kube-proxy with an nftables table of its own is elsewhere', async () => {
  const { clock, starboard } = create({ hasProxyTable: () => true });
  starboard.start();
  await clock.advanceAsync(0);
  expect(starboard.case).toBe('elsewhere');
});
