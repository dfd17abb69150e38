// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NeighbourMessage } from './neighbour-protocol.ts';
import { DEFAULT_RESPONDER_TIMING, Responder } from './responder.ts';

const OWN = new Set(['02:00:00:00:00:01']);
const OTHER = '02:00:00:00:00:02';

function grant(address: string, untilMs: number, link = 'eth0') {
  return { address, interface: link, untilMs };
}

function question(address: string): NeighbourMessage {
  return { question: { address, askerMac: OTHER, askerAddress: '172.18.0.100' } };
}

function claim(address: string, mac = OTHER): NeighbourMessage {
  return { claim: { address, mac } };
}

describe('answering', () => {
  test('needs a live grant on the link of the question', () => {
    const responder = new Responder();
    expect(responder.receive('eth0', question('a'), OWN, 0)).toEqual({});
    responder.hold([grant('a', 100)], 0);
    expect(responder.receive('eth0', question('a'), OWN, 99).answer).toMatchObject({
      address: 'a',
      notAfterMs: 100,
    });
    expect(responder.receive('eth1', question('a'), OWN, 99)).toEqual({});
    expect(responder.receive('eth0', question('b'), OWN, 99)).toEqual({});
    expect(responder.receive('eth0', question('a'), OWN, 100)).toEqual({});
  });

  test('does not answer ourselves', () => {
    const responder = new Responder();
    responder.hold([grant('a', 100)], 0);
    const own = { question: { address: 'a', askerMac: '02:00:00:00:00:01', askerAddress: '172.18.0.3' } };
    expect(responder.receive('eth0', own, OWN, 1)).toEqual({});
  });

  test('ends with a release, and with the expiry of the grant', () => {
    const responder = new Responder();
    responder.hold([grant('a', 100), grant('b', 200), grant('c', 300)], 0);
    responder.release(['a']);
    expect(responder.receive('eth0', question('a'), OWN, 1)).toEqual({});
    expect(responder.expire(250)).toEqual(['b']);
    expect(responder.releaseAll(250)).toEqual(['c']);
    expect(responder.size).toBe(0);
  });

  test('goes on with a later deadline, but an expired holding has to be taken anew', () => {
    const responder = new Responder();
    responder.hold([grant('a', 100)], 0);
    responder.due(0);
    responder.setDeadlines([grant('a', 200)], 50);
    expect(responder.receive('eth0', question('a'), OWN, 150).answer).toBeDefined();
    responder.setDeadlines([grant('a', 400)], 200);
    expect(responder.receive('eth0', question('a'), OWN, 250)).toEqual({});
    responder.hold([grant('a', 400)], 250);
    expect(responder.due(250)).toHaveLength(1);
  });
});

describe('announcing', () => {
  test('comes at once, five times more within five seconds, then slowly', () => {
    const responder = new Responder();
    responder.hold([grant('a', 1e9)], 0);
    const times: number[] = [];
    for (let nowMs = 0; nowMs <= 130_000; nowMs += 10) {
      if (responder.due(nowMs).length > 0) times.push(nowMs);
    }
    expect(times).toEqual([0, 1000, 2000, 3000, 4000, 5000, 65_000, 125_000]);
  });

  test('is not repeated by a renewal, but by a move to another link', () => {
    const responder = new Responder();
    responder.hold([grant('a', 1000)], 0);
    expect(responder.due(0)).toHaveLength(1);
    responder.hold([grant('a', 2000)], 10);
    expect(responder.due(10)).toHaveLength(0);
    responder.hold([grant('a', 2000, 'eth1')], 20);
    expect(responder.due(20)).toMatchObject([{ interface: 'eth1', notAfterMs: 2000 }]);
  });

  test('starts anew on a link that came back', () => {
    const responder = new Responder();
    responder.hold([grant('a', 1e9), grant('b', 1e9, 'eth1')], 0);
    responder.due(0);
    responder.announceAgain('eth1', 500);
    expect(responder.due(500)).toMatchObject([{ address: 'b' }]);
  });

  test('a thousand takeovers stay below the limit and are all announced within half a second', () => {
    const responder = new Responder();
    responder.hold(
      Array.from({ length: 1000 }, (_, index) => grant(`a${index}`, 1e9)),
      0,
    );
    const announced = new Set<string>();
    let nowMs = 0;
    let steps = 0;
    while (announced.size < 1000) {
      const batch = responder.due(nowMs);
      expect(batch.length * 2).toBeLessThanOrEqual(250);
      for (const { address } of batch) announced.add(address);
      if (announced.size < 1000) nowMs = responder.nextAtMs(nowMs);
      steps += 1;
      expect(steps).toBeLessThan(2000);
    }
    expect(nowMs).toBeGreaterThan(300);
    expect(nowMs).toBeLessThan(500);
  });
});

describe('foreign claims', () => {
  test('are reported and announced against, at most once a second', () => {
    const responder = new Responder();
    responder.hold([grant('a', 1e9)], 0);
    for (let nowMs = 0; nowMs <= 5000; nowMs += 100) responder.due(nowMs);
    const sent: number[] = [];
    for (let nowMs = 10_000; nowMs < 13_000; nowMs += 100) {
      expect(responder.receive('eth0', claim('a'), OWN, nowMs).foreignClaim).toEqual({
        address: 'a',
        mac: OTHER,
      });
      if (responder.due(nowMs).length > 0) sent.push(nowMs);
    }
    expect(sent).toEqual([10_000, 11_000, 12_000]);
  });

  test('are none when we made them or do not hold the address', () => {
    const responder = new Responder();
    responder.hold([grant('a', 100)], 0);
    expect(responder.receive('eth0', claim('a', '02:00:00:00:00:01'), OWN, 1)).toEqual({});
    expect(responder.receive('eth0', claim('b'), OWN, 1)).toEqual({});
    expect(responder.receive('eth0', claim('a'), OWN, 100)).toEqual({});
  });
});

/** What may happen to a responder, after `afterMs`. */
type Step =
  | {
      readonly do: 'hold' | 'deadlines';
      readonly address: string;
      readonly forMs: number;
      readonly afterMs: number;
    }
  | { readonly do: 'release' | 'question' | 'claim'; readonly address: string; readonly afterMs: number }
  | { readonly do: 'due' | 'expire' | 'back'; readonly afterMs: number };

/** A responder beside the simplest model of what it may do: address -> deadline of its live grant. */
class Checked {
  readonly #responder = new Responder({ ...DEFAULT_RESPONDER_TIMING, refreshIntervalMs: 500 });
  readonly #deadlines = new Map<string, number>();
  #nowMs = 0;

  run(step: Step): void {
    this.#nowMs += step.afterMs;
    if ('forMs' in step) this.#grant(step.do, step.address, this.#nowMs + step.forMs);
    else if ('address' in step) this.#about(step.do, step.address);
    else this.#time(step.do);
  }

  #isLive(address: string): boolean {
    return (this.#deadlines.get(address) ?? 0) > this.#nowMs;
  }

  #grant(how: 'hold' | 'deadlines', address: string, untilMs: number): void {
    if (how === 'hold') {
      this.#responder.hold([grant(address, untilMs)], this.#nowMs);
      if (untilMs > this.#nowMs) this.#deadlines.set(address, untilMs);
    } else {
      this.#responder.setDeadlines([grant(address, untilMs)], this.#nowMs);
      if (this.#isLive(address)) this.#deadlines.set(address, untilMs);
    }
  }

  #about(what: 'release' | 'question' | 'claim', address: string): void {
    if (what === 'release') {
      this.#responder.release([address]);
      this.#deadlines.delete(address);
      return;
    }
    const message = what === 'question' ? question(address) : claim(address);
    const reaction = this.#responder.receive('eth0', message, OWN, this.#nowMs);
    expect(reaction.answer !== undefined).toBe(what === 'question' && this.#isLive(address));
    expect(reaction.foreignClaim !== undefined).toBe(what === 'claim' && this.#isLive(address));
  }

  #time(what: 'due' | 'expire' | 'back'): void {
    if (what === 'back') this.#responder.announceAgain('eth0', this.#nowMs);
    if (what === 'expire') {
      for (const address of this.#responder.expire(this.#nowMs)) expect(this.#isLive(address)).toBe(false);
    }
    if (what === 'due') {
      for (const { address, notAfterMs } of this.#responder.due(this.#nowMs)) {
        expect(this.#isLive(address)).toBe(true);
        expect(notAfterMs).toBe(this.#deadlines.get(address));
      }
    }
  }
}

test('whatever happens, nothing is ever sent without a live grant', () => {
  const address = fc.constantFrom('a', 'b', 'c');
  const afterMs = fc.oneof(fc.nat(20), fc.nat(5000));
  const steps: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constantFrom('hold', 'deadlines'), address, forMs: fc.nat(3000), afterMs }),
    fc.record({ do: fc.constantFrom('release', 'question', 'claim'), address, afterMs }),
    fc.record({ do: fc.constantFrom('due', 'expire', 'back'), afterMs }),
  );
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (script) => {
      const checked = new Checked();
      for (const step of script) checked.run(step);
    }),
  );
});
