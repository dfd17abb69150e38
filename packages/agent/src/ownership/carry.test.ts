// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CarryDecision, decide, type LeaseView, NOTHING_CARRIED } from './carry.ts';
import type { AddressGroup } from './engine.ts';

const LEASE_MS = 5_000;
/** A view may be this old; the reflector gives up on a silent watch after 4 s. */
const MAX_LAG_MS = 4_500;
const RENEW_DEADLINE_MS = 3_000;

function group(
  lease: string,
  addresses: readonly string[],
  candidates: AddressGroup['candidates'] = 'any',
): AddressGroup {
  return {
    key: `default/${lease}`,
    services: [],
    addresses,
    candidates,
    lease: { namespace: 'default', name: lease },
  };
}

function view(
  held: Readonly<Record<string, number>>,
  others: Readonly<Record<string, string>> = {},
): LeaseView {
  return {
    holdUntilMs: (key) => held[key] ?? 0,
    heldSinceMs: () => 0,
    otherHolder: (key) => others[key],
  };
}

const NONE: ReadonlySet<string> = new Set();

describe('decide', () => {
  const A = 'default/a';
  const B = 'default/b';
  const first = (
    groups: readonly AddressGroup[],
    leases: LeaseView,
    held = NONE,
    memory = NOTHING_CARRIED,
    nowMs = 1_000,
  ) => decide({ node: 'n1', nowMs, groups, leases, memory, held }, LEASE_MS);

  it('grants what its Lease covers, and contends for what it could serve', () => {
    const decision = first([group('a', ['1']), group('b', ['2'])], view({ [A]: 4_000 }));
    expect([...decision.grants]).toEqual(['1']);
    expect([...decision.campaign]).toEqual([A, B]);
  });

  it('keeps a Lease until the address is off, when it can no longer serve it', () => {
    const before = first([group('a', ['1'])], view({ [A]: 4_000 }));
    const unable = [group('a', ['1'], new Set(['n2']))];
    const still = first(unable, view({ [A]: 4_000 }), new Set(['1']), before.memory);
    expect(still.grants.size).toBe(0);
    expect([...still.campaign]).toEqual([A]);
    const off = first(unable, view({ [A]: 4_000 }), NONE, still.memory);
    expect(off.campaign.size).toBe(0);
  });

  it('bridges a change of Lease, then gives the old one back', () => {
    const before = first([group('a', ['1'])], view({ [A]: 4_000 }));
    const bridging = first([group('b', ['1'])], view({ [A]: 4_000 }), new Set(['1']), before.memory);
    expect([...bridging.grants]).toEqual(['1']);
    expect([...bridging.campaign].sort()).toEqual([A, B]);
    expect([...bridging.first]).toEqual([B]);
    const after = first(
      [group('b', ['1'])],
      view({ [A]: 4_000, [B]: 4_000 }),
      new Set(['1']),
      bridging.memory,
    );
    expect([...after.grants]).toEqual(['1']);
    expect([...after.campaign]).toEqual([B]);
  });

  it('drops the address when somebody else has the new Lease', () => {
    const before = first([group('a', ['1'])], view({ [A]: 4_000 }));
    const decision = first([group('b', ['1'])], view({ [A]: 4_000 }, { [B]: 'n2' }), NONE, before.memory);
    expect(decision.grants.size).toBe(0);
  });

  it('waits behind the holder of the earlier Lease, but not for ever', () => {
    const before = first([group('a', ['1'])], view({}, { [A]: 'n2' }));
    const leases = view({ [B]: 90_000 }, { [A]: 'n2' });
    const fenced = first([group('b', ['1'])], leases, NONE, before.memory);
    expect([...fenced.fenced]).toEqual(['1']);
    expect(fenced.grants.size).toBe(0);
    const free = first([group('b', ['1'])], view({ [B]: 90_000 }), NONE, fenced.memory);
    expect([...free.grants]).toEqual(['1']);
    const later = first([group('b', ['1'])], leases, NONE, fenced.memory, 1_000 + LEASE_MS);
    expect([...later.grants]).toEqual(['1']);
  });
});

/*
 * A small world: what the Services say changes, each node sees it late, Leases are granted one holder at a time. One
 * assumption: who newly takes a Lease has seen the last edit. (A node with an older view could take a free Lease that an
 * address has just left; it would let go as soon as it sees the edit. Only a read of the Service after each takeover
 * could rule that out, and would cost every takeover a round trip.)
 */

type Layout = readonly AddressGroup[];

interface SimulatedNode {
  readonly name: string;
  readonly lagMs: number;
  decision: CarryDecision | undefined;
  held: ReadonlySet<string>;
}

interface SimulatedLease {
  holder: string;
  sinceMs: number;
}

const LEASES = ['a', 'b', 'c'] as const;
const ADDRESSES = ['1', '2', '3'] as const;
const NODES = ['n1', 'n2', 'n3'] as const;

/** Address -> Lease, or none: every layout that Services can lead to. */
const layout = fc
  .tuple(...ADDRESSES.map(() => fc.option(fc.constantFrom(...LEASES), { nil: undefined })))
  .map(
    (leases): Layout =>
      LEASES.flatMap((lease) => {
        const addresses = ADDRESSES.filter((_, index) => leases[index] === lease);
        return addresses.length > 0 ? [group(lease, addresses)] : [];
      }),
  );

const story = fc.record({
  /** What the Services say from a time on. */
  edits: fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 8_000 }), layout }), {
    minLength: 1,
    maxLength: 8,
  }),
  lags: fc.tuple(...NODES.map(() => fc.integer({ min: 0, max: MAX_LAG_MS }))),
  /** Which node acts in each step of 100 ms. */
  turns: fc.infiniteStream(fc.constantFrom(...NODES)),
});

describe('addresses in a world of late views', () => {
  it('are never on two nodes, and end up on one', () => {
    fc.assert(
      fc.property(story, ({ edits, lags, turns }) => {
        const world = new World(edits, lags, turns);
        world.run();
        expect(world.conflicts).toEqual([]);
        expect(world.unserved()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

class World {
  readonly conflicts: string[] = [];
  readonly #history: { readonly atMs: number; readonly layout: Layout }[] = [{ atMs: 0, layout: [] }];
  readonly #leases = new Map<string, SimulatedLease>();
  /** What was written to each Lease and when, for those who see it late. */
  readonly #leaseHistory = new Map<string, { readonly atMs: number; readonly holder: string }[]>();
  readonly #nodes: readonly SimulatedNode[];
  readonly #turns: Iterator<string>;
  readonly #endMs: number;
  #nowMs = 0;

  constructor(
    edits: readonly { readonly afterMs: number; readonly layout: Layout }[],
    lags: readonly number[],
    turns: fc.Stream<string>,
  ) {
    let atMs = 0;
    for (const edit of edits) {
      atMs += edit.afterMs;
      this.#history.push({ atMs, layout: edit.layout });
    }
    this.#endMs = atMs + 4 * LEASE_MS;
    this.#nodes = NODES.map((name, index) => ({
      name,
      lagMs: lags[index] ?? 0,
      decision: undefined,
      held: NONE,
    }));
    this.#turns = turns[Symbol.iterator]();
  }

  run(): void {
    for (; this.#nowMs < this.#endMs; this.#nowMs += 100) {
      const turn = this.#turns.next().value as string;
      const order = [...this.#nodes].sort((a, b) => Number(b.name === turn) - Number(a.name === turn));
      for (const node of order) this.#act(node);
      this.#judge();
    }
  }

  /** Addresses that the last layout wants and nobody has. */
  unserved(): readonly string[] {
    const wanted = this.#history.at(-1)?.layout.flatMap(({ addresses }) => addresses) ?? [];
    return wanted.filter((address) => !this.#nodes.some(({ held }) => held.has(address)));
  }

  #act(node: SimulatedNode): void {
    const seenMs = this.#nowMs - node.lagMs;
    const groups = this.#history.findLast(({ atMs }) => atMs <= Math.max(seenMs, 0))?.layout ?? [];
    const isCurrent = groups === this.#history.findLast(({ atMs }) => atMs <= this.#nowMs)?.layout;
    const memory = node.decision?.memory ?? NOTHING_CARRIED;
    const leases: LeaseView = {
      holdUntilMs: (key) =>
        this.#leases.get(key)?.holder === node.name ? this.#nowMs + RENEW_DEADLINE_MS : 0,
      heldSinceMs: (key) => this.#leases.get(key)?.sinceMs ?? 0,
      otherHolder: (key) => {
        const holder = this.#leaseHistory.get(key)?.findLast(({ atMs }) => atMs <= seenMs)?.holder ?? '';
        return holder === '' || holder === node.name ? undefined : holder;
      },
    };
    const decision = decide(
      { node: node.name, nowMs: this.#nowMs, groups, leases, memory, held: node.held },
      LEASE_MS,
    );
    node.decision = decision;
    node.held = new Set(decision.grants);
    for (const key of LEASES.map((lease) => `default/${lease}`)) {
      const holder = this.#leases.get(key)?.holder ?? '';
      const mayRelease = ![...node.held].some((address) => decision.memory.carried.get(address) === key);
      if (holder === node.name && !decision.campaign.has(key) && mayRelease) this.#write(key, '');
      if (holder === '' && isCurrent && decision.campaign.has(key)) this.#write(key, node.name);
    }
  }

  #write(key: string, holder: string): void {
    this.#leases.set(key, { holder, sinceMs: this.#nowMs });
    const writes = this.#leaseHistory.get(key) ?? [];
    writes.push({ atMs: this.#nowMs, holder });
    this.#leaseHistory.set(key, writes);
  }

  #judge(): void {
    for (const address of ADDRESSES) {
      const holders = this.#nodes.filter(({ held }) => held.has(address)).map(({ name }) => name);
      if (holders.length > 1)
        this.conflicts.push(`${this.#nowMs} ms: ${address} on ${holders.join(' and ')}`);
    }
  }
}
