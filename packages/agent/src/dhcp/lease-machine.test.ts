// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EarlierLease,
  type GrantMessage,
  type LeaseAction,
  LeaseMachine,
  type ServerMessage,
} from './lease-machine.ts';
import { DEFAULT_LEASE_TIMING } from './lease-timing.ts';

const HOUR = 3_600_000;
const ADDRESS = '192.0.2.9';
const SERVER = '192.0.2.1';
const EARLIER: EarlierLease = { address: ADDRESS, server: SERVER, durationMs: HOUR, leftMs: HOUR / 2 };

/** A machine in the middle of its jitter, and a clock. */
class Bench {
  nowMs = 1000;
  readonly machine: LeaseMachine;
  readonly said: LeaseAction[] = [];

  constructor(newXidForRequest = false, random: () => number = () => 0.5) {
    this.machine = new LeaseMachine({ timing: DEFAULT_LEASE_TIMING, random, newXidForRequest });
  }

  start(earlier?: EarlierLease): this {
    this.said.push(...this.machine.start(this.nowMs, earlier));
    return this;
  }

  /** Lets time pass until the machine has said something, or for this long. */
  run(limitMs: number): readonly string[] {
    const endMs = this.nowMs + limitMs;
    const from = this.said.length;
    while (this.machine.nextAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.machine.nextAtMs);
      this.said.push(...this.machine.tick(this.nowMs));
    }
    this.nowMs = endMs;
    return this.words(from);
  }

  hear(kind: 'offer' | 'ack', facts: Partial<GrantMessage> = {}): readonly string[] {
    const from = this.said.length;
    const message = {
      kind,
      xid: this.xid,
      address: ADDRESS,
      server: SERVER,
      durationMs: HOUR,
      renewAfterMs: undefined,
      rebindAfterMs: undefined,
      ...facts,
    };
    this.said.push(...this.machine.receive(message, this.nowMs));
    return this.words(from);
  }

  refuse(): readonly string[] {
    const from = this.said.length;
    const message: ServerMessage = { kind: 'nak', xid: this.xid, server: SERVER, reason: 'no' };
    this.said.push(...this.machine.receive(message, this.nowMs));
    return this.words(from);
  }

  bound(): this {
    this.start();
    this.hear('offer');
    this.hear('ack');
    this.run(1000);
    expect(this.machine.state).toBe('bound');
    return this;
  }

  get address(): string | undefined {
    return this.machine.lease(this.nowMs)?.address;
  }

  get xid(): number {
    const sent = this.said.findLast((action) => action.kind === 'send');
    return sent?.xid ?? -1;
  }

  words(from = 0): readonly string[] {
    return this.said.slice(from).map((action) => {
      if (action.kind === 'probe') return `probe ${action.address}`;
      const { message } = action;
      const about = message.kind === 'solicit' ? message.wanted : message.address;
      return `${message.kind} ${about ?? '-'}`;
    });
  }
}

describe('the first address', () => {
  it('is asked for, taken, checked and used', () => {
    const bench = new Bench().start();
    expect(bench.words()).toEqual(['solicit -']);
    expect(bench.hear('offer')).toEqual([`request ${ADDRESS}`]);
    expect(bench.hear('ack')).toEqual([`probe ${ADDRESS}`]);
    expect(bench.address).toBeUndefined();
    expect(bench.run(650)).toEqual([`probe ${ADDRESS}`, `probe ${ADDRESS}`]);
    expect(bench.address).toBe(ADDRESS);
  });

  it('is asked for again with growing pauses, for ever', () => {
    const bench = new Bench().start();
    expect(bench.run(16_000)).toHaveLength(4);
    bench.run(HOUR);
    expect(bench.run(600_000)).toHaveLength(10);
    expect(bench.machine.unanswered).toBeGreaterThan(3);
  });

  it('is another one when somebody has the first', () => {
    const bench = new Bench().start();
    bench.hear('offer');
    bench.hear('ack');
    const decline = bench.machine.conflict(ADDRESS, '02:00:00:00:00:99', bench.nowMs);
    expect(decline).toMatchObject([{ message: { kind: 'decline', address: ADDRESS, server: SERVER } }]);
    expect(bench.machine.refusal).toContain('02:00:00:00:00:99');
    expect(bench.run(9_900)).toEqual([]);
    expect(bench.run(200)).toEqual(['solicit -']);
    expect(bench.address).toBeUndefined();
  });

  it('is the wanted one if any server has it, else what there is', () => {
    const bench = new Bench().start({ ...EARLIER, address: '192.0.2.50', leftMs: 0 });
    expect(bench.words()).toEqual(['solicit 192.0.2.50']);
    expect(bench.hear('offer')).toEqual([]);
    expect(bench.hear('offer', { address: '192.0.2.50', server: '192.0.2.2' })).toEqual([
      'request 192.0.2.50',
    ]);
    const other = new Bench().start({ ...EARLIER, address: '192.0.2.50', leftMs: 0 });
    other.hear('offer');
    expect(other.run(600)).toEqual([`request ${ADDRESS}`]);
  });

  it('is asked for anew when the request is refused or not answered', () => {
    const bench = new Bench().start();
    bench.hear('offer');
    expect(bench.run(20_000)).toEqual(Array(4).fill(`request ${ADDRESS}`));
    expect(bench.machine.state).toBe('requesting');
    expect(bench.run(15_000)).toContain('solicit -');
    bench.hear('offer');
    expect(bench.refuse()).toEqual([]);
    expect(bench.run(1_000)).toEqual(['solicit -']);
  });
});

describe('a lease', () => {
  it('is renewed at half its time with its server, and then with any, and ends', () => {
    const bench = new Bench().bound();
    expect(bench.run(HOUR / 2 - 2000)).toEqual([]);
    const renewals = bench.run((HOUR * 3) / 8);
    expect(new Set(renewals)).toEqual(new Set([`renew ${ADDRESS}`]));
    expect(new Set(bench.run(HOUR / 8 - 1000))).toEqual(new Set([`rebind ${ADDRESS}`]));
    expect(bench.address).toBe(ADDRESS);
    expect(bench.run(3000)).toContain(`solicit ${ADDRESS}`);
    expect(bench.address).toBeUndefined();
    expect(bench.machine.refusal).toContain('ended');
  });

  it('goes on from when its renewal was asked for', () => {
    const bench = new Bench().bound();
    bench.run(HOUR / 2);
    const sentAtMs = bench.machine.lease(bench.nowMs)?.renewAtMs ?? 0;
    bench.nowMs = sentAtMs + 500;
    expect(bench.hear('ack', { durationMs: 2 * HOUR, renewAfterMs: 1000, rebindAfterMs: 2000 })).toEqual([]);
    expect(bench.machine.lease(bench.nowMs)).toMatchObject({
      untilMs: sentAtMs + 2 * HOUR,
      renewAtMs: sentAtMs + 1000,
      rebindAtMs: sentAtMs + 2000,
    });
  });

  it('is gone at once when the server says so', () => {
    const bench = new Bench().bound();
    bench.run(HOUR / 2);
    expect(bench.refuse()).toEqual(['solicit 192.0.2.9']);
    expect(bench.address).toBeUndefined();
  });

  it('on another address is checked before that is used', () => {
    const bench = new Bench(true).bound();
    bench.run(HOUR / 2);
    expect(bench.hear('ack', { address: '192.0.2.77' })).toEqual(['probe 192.0.2.77']);
    expect(bench.address).toBeUndefined();
    bench.run(1000);
    expect(bench.address).toBe('192.0.2.77');
  });

  it('is given back, and nothing follows', () => {
    const bench = new Bench().bound();
    expect(bench.machine.release(bench.nowMs)).toMatchObject([
      { message: { kind: 'release', server: SERVER } },
    ]);
    expect(bench.address).toBeUndefined();
    expect(bench.run(10 * HOUR)).toEqual([]);
    expect(new Bench().start().machine.release(2000)).toEqual([]);
  });

  it('without end needs nothing', () => {
    const bench = new Bench().start();
    bench.hear('offer');
    bench.hear('ack', { durationMs: Number.POSITIVE_INFINITY });
    bench.run(1000);
    expect(bench.run(1e12)).toEqual([]);
    expect(bench.address).toBe(ADDRESS);
  });
});

describe('a lease from before', () => {
  it('is used at once, and confirmed', () => {
    const bench = new Bench().start(EARLIER);
    expect(bench.words()).toEqual([`reboot ${ADDRESS}`]);
    expect(bench.address).toBe(ADDRESS);
    expect(bench.hear('ack')).toEqual([]);
    expect(bench.machine.state).toBe('bound');
  });

  it('is used until its end while no server answers, and asked for after that', () => {
    const bench = new Bench().start(EARLIER);
    bench.run(HOUR / 2 - 1);
    expect(bench.address).toBe(ADDRESS);
    expect(bench.run(1)).toEqual([`solicit ${ADDRESS}`]);
    expect(bench.address).toBeUndefined();
  });

  it('is let go when the server knows better', () => {
    const bench = new Bench().start(EARLIER);
    expect(bench.refuse()).toEqual([`solicit ${ADDRESS}`]);
    expect(bench.address).toBeUndefined();
  });

  it('is never longer than it was when given, whatever the clocks of the nodes say', () => {
    const bench = new Bench().start({ ...EARLIER, leftMs: 100 * HOUR });
    bench.run(HOUR - 1);
    expect(bench.address).toBe(ADDRESS);
    bench.run(1);
    expect(bench.address).toBeUndefined();
  });
});

/** Anything that can happen to a client. */
type Happening =
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'hear';
      readonly kind: 'offer' | 'ack';
      readonly last: number;
      readonly durationMs: number;
      readonly isStale: boolean;
    }
  | { readonly do: 'refuse' }
  | { readonly do: 'conflict'; readonly last: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
  fc.record({
    do: fc.constant('hear' as const),
    kind: fc.constantFrom('offer', 'ack'),
    last: fc.integer({ min: 8, max: 10 }),
    durationMs: fc.constantFrom(0, 1000, 20_000, 60_000, Number.POSITIVE_INFINITY),
    isStale: fc.boolean(),
  }),
  fc.record({ do: fc.constant('refuse' as const) }),
  fc.record({ do: fc.constant('conflict' as const), last: fc.integer({ min: 8, max: 10 }) }),
);

it('never uses an address past what a server granted, never one in conflict, and never falls silent', () => {
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 60 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      fc.boolean(),
      fc.option(
        fc.record({ leftMs: fc.integer({ min: -5000, max: 90_000 }), durationMs: fc.constant(60_000) }),
      ),
      (happenings, chance, newXid, earlier) => {
        const bench = new Bench(newXid, () => chance.next().value ?? 0);
        /** Address -> end of the longest lease that was ever granted on it. */
        const granted = new Map<string, number>();
        if (earlier !== null) {
          granted.set(ADDRESS, bench.nowMs + Math.max(0, Math.min(earlier.leftMs, earlier.durationMs)));
        }
        bench.start(earlier === null ? undefined : { ...EARLIER, ...earlier });
        for (const step of happenings) {
          take(bench, granted, step);
          judge(bench, granted);
        }
      },
    ),
    { numRuns: 500 },
  );
});

function take(bench: Bench, granted: Map<string, number>, step: Happening): void {
  if (step.do === 'wait') bench.run(step.ms);
  else if (step.do === 'refuse') bench.refuse();
  else if (step.do === 'conflict') {
    bench.said.push(...bench.machine.conflict(`192.0.2.${step.last}`, 'x', bench.nowMs));
  } else {
    const address = `192.0.2.${step.last}`;
    const isHeard = !step.isStale && bench.machine.isListening;
    if (step.kind === 'ack' && isHeard) {
      granted.set(address, Math.max(granted.get(address) ?? 0, bench.nowMs + step.durationMs));
    }
    bench.hear(step.kind, {
      address,
      durationMs: step.durationMs,
      ...(step.isStale ? { xid: -5 } : {}),
    });
  }
}

function judge({ machine, nowMs }: Bench, granted: ReadonlyMap<string, number>): void {
  const lease = machine.lease(nowMs);
  if (lease !== undefined) {
    expect(lease.untilMs).toBeGreaterThan(nowMs);
    expect(granted.get(lease.address) ?? 0).toBeGreaterThanOrEqual(lease.untilMs);
  }
  const isForEver = lease?.untilMs === Number.POSITIVE_INFINITY;
  if (!isForEver) expect(machine.nextAtMs).toBeLessThan(Number.POSITIVE_INFINITY);
}
