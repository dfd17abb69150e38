// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Avoidance } from '../node-eligibility.ts';
import { DEFAULT_PLACEMENT, type Move, Placement, type PlacementPolicy } from './placement.ts';
import type { PlacementGroup } from './placement-group.ts';
import type { NodeCondition } from './standing.ts';

const STILL: PlacementPolicy = { ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined };
const ONE: PlacementPolicy = { ...STILL, spread: 'one' };

function groups(count: number, candidates: PlacementGroup['candidates'] = 'any'): readonly PlacementGroup[] {
  return Array.from({ length: count }, (_, index) => ({ addresses: [`a${index}`], candidates }));
}

function nodes(names: string, condition: NodeCondition = 'ready'): Map<string, NodeCondition> {
  return new Map([...names].map((name) => [name, condition]));
}

function placed(policy: PlacementPolicy, count: number, names: string, nowMs = 0): Placement {
  const placement = new Placement(policy);
  placement.setGroups(groups(count));
  placement.setNodes(nodes(names), nowMs);
  placement.place(nowMs);
  return placement;
}

function loads(placement: Placement, names: string): readonly number[] {
  return [...names].map((name) => placement.loadOf(name));
}

describe('Placement', () => {
  it('places what nobody has within the bound of the loads', () => {
    const placement = placed(STILL, 100, 'abcde');
    const all = loads(placement, 'abcde');
    expect(all.reduce((sum, load) => sum + load)).toBe(100);
    expect(Math.max(...all)).toBeLessThanOrEqual(25);
    expect(Math.min(...all)).toBeGreaterThan(0);
    expect(placement.place(1_000)).toEqual([]);
  });

  it('moves only what was on a lost node, and nothing back when it returns', () => {
    const placement = placed(STILL, 60, 'abc');
    const onA = placement.loadOf('a');
    placement.setNodes(nodes('bc'), 1_000);
    const moves = placement.place(1_000);
    expect(moves).toHaveLength(onA);
    expect(moves.every(({ from, to, reason }) => from === 'a' && to !== 'a' && reason === 'lost')).toBe(true);
    placement.setNodes(nodes('abc'), 2_000);
    expect(placement.place(2_000)).toEqual([]);
    expect(placement.place(9_000_000)).toEqual([]);
  });

  it('empties a draining node, but leaves there what nobody else can have', () => {
    const placement = new Placement(STILL);
    placement.setGroups([{ addresses: ['1'], candidates: new Set(['a']) }, ...groups(8)]);
    placement.setNodes(nodes('ab'), 0);
    placement.place(0);
    placement.setNodes(new Map([...nodes('a', 'draining'), ...nodes('b')]), 1_000);
    const moves = placement.place(1_000);
    expect(moves.every(({ reason, to }) => reason === 'drained' && to === 'b')).toBe(true);
    expect(placement.nodeOf('1')).toBe('a');
    expect(placement.loadOf('a')).toBe(1);
    placement.setNodes(nodes('b'), 2_000);
    expect(placement.place(2_000)).toEqual([{ address: '1', from: 'a', to: undefined, reason: 'lost' }]);
    placement.setNodes(nodes('ab'), 3_000);
    expect(placement.place(3_000)).toEqual([{ address: '1', from: undefined, to: 'a', reason: 'placed' }]);
  });

  it('gives a draining node nothing new', () => {
    const placement = new Placement(STILL);
    placement.setNodes(nodes('a', 'draining'), 0);
    placement.setGroups(groups(3));
    expect(placement.place(0)).toEqual([]);
  });

  it('takes everything off an ineligible node, even when there is no other', () => {
    const placement = placed(STILL, 3, 'a');
    placement.setNodes(nodes('a', 'ineligible'), 1_000);
    expect(placement.place(1_000).map(({ to, reason }) => [to, reason])).toEqual(
      Array(3).fill([undefined, 'ineligible']),
    );
  });

  const AVOIDING = (count: number, ...avoided: (readonly [string, Avoidance])[]) =>
    groups(count).map((group) => ({ ...group, avoided: new Map(avoided) }));

  it('empties a node that is to be left, and gives it nothing while there is another', () => {
    const placement = placed(STILL, 20, 'abc');
    const onA = placement.loadOf('a');
    placement.setGroups(AVOIDING(20, ['a', 'leave']));
    const moves = placement.place(1_000);
    expect(moves).toHaveLength(onA);
    expect(moves.every(({ from, to, reason }) => from === 'a' && to !== 'a' && reason === 'avoided')).toBe(
      true,
    );
    placement.setNodes(nodes('ab'), 2_000);
    placement.place(2_000);
    expect(loads(placement, 'abc')).toEqual([0, 20, 0]);
    // Nobody else is left: better there than nowhere.
    placement.setNodes(nodes('a'), 3_000);
    placement.place(3_000);
    expect(placement.loadOf('a')).toBe(20);
    placement.setNodes(nodes('abc'), 9_000_000);
    expect(placement.place(9_000_000).every(({ reason }) => reason === 'avoided')).toBe(true);
    expect(placement.loadOf('a')).toBe(0);
    // No fail-back when it is welcome again.
    placement.setGroups(groups(20));
    expect(placement.place(9_000_001)).toEqual([]);
  });

  it('leaves what is there on a node that only gets nothing new', () => {
    const placement = placed(STILL, 20, 'abc');
    const before = loads(placement, 'abc');
    placement.setGroups(AVOIDING(20, ['a', 'stay']));
    expect(placement.place(1_000)).toEqual([]);
    placement.setGroups(AVOIDING(40, ['a', 'stay']));
    placement.place(2_000);
    expect(placement.loadOf('a')).toBe(before[0]);
    placement.setNodes(nodes('ac'), 3_000);
    placement.place(3_000);
    expect(placement.loadOf('a')).toBe(before[0]);
    expect(placement.loadOf('c')).toBe(40 - (before[0] ?? 0));
  });

  it('stays where it is while all nodes are to be left', () => {
    const placement = placed(STILL, 10, 'ab');
    placement.setGroups(AVOIDING(10, ['a', 'leave'], ['b', 'leave']));
    expect(placement.place(1_000)).toEqual([]);
    placement.setNodes(nodes('b'), 2_000);
    placement.place(2_000);
    expect(placement.loadOf('b')).toBe(10);
  });

  it('moves nothing for balance to a node that is to be avoided', () => {
    const policy = { ...DEFAULT_PLACEMENT, settleMs: 0 };
    const placement = placed(policy, 20, 'ab');
    placement.setGroups(AVOIDING(20, ['c', 'stay']));
    placement.setNodes(nodes('abc'), 1_000);
    for (let nowMs = 1_000; nowMs < 200_000; nowMs += 1_000) expect(placement.place(nowMs)).toEqual([]);
    placement.setGroups(groups(20));
    for (let nowMs = 200_000; nowMs < 400_000; nowMs += 1_000) placement.place(nowMs);
    expect(placement.loadOf('c')).toBeGreaterThan(0);
  });

  it('with one node for all, leaves it when it is to be left and another can have all', () => {
    const placement = placed(ONE, 5, 'ab');
    const home = placement.loadOf('a') > 0 ? 'a' : 'b';
    const other = home === 'a' ? 'b' : 'a';
    placement.setGroups(AVOIDING(5, [home, 'stay']));
    expect(placement.place(1)).toEqual([]);
    placement.setGroups(AVOIDING(5, [home, 'leave'], [other, 'stay']));
    expect(placement.place(2)).toEqual([]);
    placement.setGroups(AVOIDING(5, [home, 'leave']));
    expect(placement.place(3)).toHaveLength(5);
    expect(placement.loadOf(other)).toBe(5);
    placement.setNodes(nodes(home), 4);
    placement.place(4);
    expect(placement.loadOf(home)).toBe(5);
  });

  it('follows candidates, and leaves an address without any alone', () => {
    const placement = placed(STILL, 1, 'ab');
    const home = placement.nodeOf('a0') ?? '';
    const other = home === 'a' ? 'b' : 'a';
    placement.setGroups(groups(1, new Set([other])));
    expect(placement.place(1)).toEqual([{ address: 'a0', from: home, to: other, reason: 'notCandidate' }]);
    placement.setGroups(groups(1, new Set()));
    expect(placement.place(2)).toMatchObject([{ to: undefined, reason: 'notCandidate' }]);
    placement.setGroups([]);
    expect(placement.place(3)).toEqual([]);
  });

  it('keeps addresses of one group together: the fewer go to the more', () => {
    const placement = new Placement(STILL);
    placement.setNodes(nodes('ab'), 0);
    for (const [address, node] of [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'b'],
    ] as const) {
      placement.adopt(address, node);
    }
    placement.setGroups([{ addresses: ['1', '2', '3'], candidates: 'any' }]);
    expect(placement.place(0)).toEqual([{ address: '1', from: 'a', to: 'b', reason: 'together' }]);
    // A group that falls apart, or is named after another address, stays where it is.
    placement.setGroups([
      { addresses: ['3', '1'], candidates: 'any' },
      { addresses: ['2'], candidates: 'any' },
    ]);
    expect(placement.place(1)).toEqual([]);
    placement.setGroups([{ addresses: ['2'], candidates: 'any' }]);
    expect(new Set(placement.place(2))).toEqual(
      new Set([
        { address: '1', from: 'b', to: undefined, reason: 'unwanted' },
        { address: '3', from: 'b', to: undefined, reason: 'unwanted' },
      ]),
    );
    expect(placement.loadOf('b')).toBe(1);
  });

  it('keeps what others hold as long as nobody has said what is wanted', () => {
    const placement = new Placement(STILL);
    placement.setNodes(nodes('ab'), 0);
    placement.adopt('1', 'a');
    expect(placement.place(0)).toEqual([]);
    placement.setNodes(nodes('b'), 1);
    expect(placement.place(1)).toEqual([{ address: '1', from: 'a', to: 'b', reason: 'lost' }]);
    placement.setGroups([]);
    expect(placement.place(2)).toEqual([{ address: '1', from: 'b', to: undefined, reason: 'unwanted' }]);
  });

  it('chooses a node that was lost only when there is no other, for a time that doubles', () => {
    const placement = placed(STILL, 1, 'ab');
    const home = placement.nodeOf('a0') ?? '';
    const other = home === 'a' ? 'b' : 'a';
    placement.setNodes(nodes(other), 1_000);
    placement.place(1_000);
    placement.setNodes(nodes(`${home}${other}c`), 2_000);
    placement.place(2_000);
    // Lost once: for 60 s everything new passes it by.
    placement.setGroups(groups(30));
    placement.place(61_999);
    expect(placement.loadOf(home)).toBe(0);
    placement.setGroups(groups(60));
    placement.place(62_000);
    expect(placement.loadOf(home)).toBeGreaterThan(0);
    // With nobody else it has to do.
    placement.setNodes(nodes(other), 63_000);
    placement.place(63_000);
    placement.setNodes(nodes(home), 64_000);
    placement.place(64_000);
    expect(placement.loadOf(home)).toBe(60);
  });

  it('moves one group per interval for balance, to nodes that have settled, until the loads are near enough', () => {
    const policy: PlacementPolicy = { ...DEFAULT_PLACEMENT, rebalanceEveryMs: 5_000, settleMs: 30_000 };
    const placement = placed(policy, 40, 'ab');
    placement.setNodes(nodes('abc'), 100_000);
    expect(placement.place(100_000)).toEqual([]);
    expect(placement.nextMs()).toBe(130_000);
    expect(placement.place(129_999)).toEqual([]);
    const times: number[] = [];
    for (let nowMs = 130_000; nowMs < 400_000; nowMs += 1_000) {
      const moves = placement.place(nowMs);
      if (moves.length === 0) continue;
      expect(moves).toHaveLength(1);
      expect(moves[0]).toMatchObject({ to: 'c', reason: 'rebalanced' });
      times.push(nowMs);
    }
    // Average 13.3: at least 10 each, at most 17.
    expect(times).toEqual(Array.from({ length: 10 }, (_, index) => 130_000 + index * 5_000));
    expect(placement.nextMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('in one-node mode all follow one node, and what it cannot serve stays down', () => {
    const placement = new Placement(ONE);
    placement.setGroups([...groups(5), { addresses: ['x'], candidates: new Set(['c']) }]);
    placement.setNodes(nodes('ab'), 0);
    const first = new Set(placement.place(0).map(({ to }) => to));
    expect(first.size).toBe(1);
    const [leader = ''] = [...first];
    placement.setNodes(nodes('abc'), 1);
    expect(placement.place(1)).toEqual([]);
    const others = 'abc'.replace(leader ?? '', '');
    placement.setNodes(nodes(others), 2);
    // c can serve most.
    expect(new Set(placement.place(2).map(({ to }) => to))).toEqual(new Set(['c']));
    expect(placement.loadOf('c')).toBe(6);
    placement.setNodes(new Map([...nodes('ab'), ...nodes('c', 'draining')]), 3);
    placement.place(3);
    expect([placement.loadOf('c'), placement.nodeOf('x')]).toEqual([0, undefined]);
    placement.setNodes(new Map(), 4);
    expect(placement.place(4).every(({ to }) => to === undefined)).toBe(true);
  });
});

/** One thing that can happen. */
type Step =
  | { readonly kind: 'node'; readonly node: string; readonly condition: NodeCondition | 'lost' }
  | {
      readonly kind: 'group';
      readonly index: number;
      readonly candidates: readonly string[] | 'any' | undefined;
    }
  | { readonly kind: 'avoid'; readonly node: string; readonly avoidance: Avoidance | undefined }
  | { readonly kind: 'wait'; readonly ms: number };

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('node' as const),
    node: fc.constantFrom(...NAMES),
    condition: fc.constantFrom('ready' as const, 'ready' as const, 'draining', 'ineligible', 'lost'),
  }),
  fc.record({
    kind: fc.constant('group' as const),
    index: fc.nat(11),
    candidates: fc.oneof(
      fc.constant('any' as const),
      fc.constant('any' as const),
      fc.constant(undefined),
      fc.subarray(NAMES),
    ),
  }),
  fc.record({
    kind: fc.constant('avoid' as const),
    node: fc.constantFrom(...NAMES),
    avoidance: fc.constantFrom<Avoidance | undefined>('leave', 'stay', undefined),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(100_000) }),
);

/** What the placement is told, kept apart from it. */
class World {
  nowMs = 0;
  readonly conditions = new Map<string, NodeCondition>();
  readonly groups = new Map<number, PlacementGroup>();
  readonly avoided = new Map<string, Avoidance>();

  apply(step: Step): void {
    if (step.kind === 'wait') this.nowMs += step.ms;
    else if (step.kind === 'avoid') {
      if (step.avoidance === undefined) this.avoided.delete(step.node);
      else this.avoided.set(step.node, step.avoidance);
    } else if (step.kind === 'node') {
      if (step.condition === 'lost') this.conditions.delete(step.node);
      else this.conditions.set(step.node, step.condition);
    } else if (step.candidates === undefined) this.groups.delete(step.index);
    else {
      const candidates = step.candidates === 'any' ? 'any' : new Set(step.candidates);
      const addresses = Array.from({ length: 1 + (step.index % 3) }, (_, n) => `${step.index}.${n}`);
      this.groups.set(step.index, { addresses, candidates });
    }
  }

  tell(placement: Placement, reverse = false): void {
    const order = <T>(items: readonly T[]) => (reverse ? [...items].reverse() : items);
    placement.setGroups(order(this.wanted()));
    placement.setNodes(new Map(order([...this.conditions])), this.nowMs);
  }

  wanted(): readonly PlacementGroup[] {
    const avoided = new Map(this.avoided);
    return [...this.groups.values()].map((group) => (avoided.size === 0 ? group : { ...group, avoided }));
  }

  candidate(group: PlacementGroup, node: string): boolean {
    return group.candidates === 'any' || group.candidates.has(node);
  }

  /** May this node have this group now, new or as before? */
  may(group: PlacementGroup, node: string | undefined): boolean {
    return node !== undefined && this.conditions.get(node) === 'ready' && this.candidate(group, node);
  }

  /** Nodes that may have it and are not to be avoided. */
  welcome(group: PlacementGroup): readonly string[] {
    return NAMES.filter((name) => this.may(group, name) && !this.avoided.has(name));
  }

  /**
   * Takes the move into the mirror; what could have stayed must have moved for balance, or away from a node to be left. To
   * a node to be avoided nothing moves while there is another.
   */
  expectCause({ address, from, to, reason }: Move, mirror: Map<string, string>): void {
    expect(mirror.get(address)).toBe(from);
    if (to === undefined) mirror.delete(address);
    else mirror.set(address, to);
    const group = [...this.groups.values()].find(({ addresses }) => addresses.includes(address));
    if (group === undefined) return;
    const isLeft = from !== undefined && this.avoided.get(from) === 'leave';
    if (this.may(group, from)) expect(reason).toBe(isLeft ? 'avoided' : 'rebalanced');
    if (to !== undefined && this.avoided.has(to)) expect(this.welcome(group)).toEqual([]);
  }

  expectPlaced(group: PlacementGroup, mirror: ReadonlyMap<string, string>): void {
    const [node, ...others] = new Set(group.addresses.map((address) => mirror.get(address)));
    expect(others).toEqual([]);
    const possible = NAMES.filter((name) => this.may(group, name));
    if (this.welcome(group).length > 0) expect(this.avoided.get(node ?? '')).not.toBe('leave');
    if (possible.length > 0) expect(possible).toContain(node);
    else if (node !== undefined) expect(this.conditions.get(node)).toBe('draining');
  }
}

function expectOneGroupBalanced(moves: readonly Move[]): void {
  const balanced = moves.filter(({ reason }) => reason === 'rebalanced');
  expect(new Set(balanced.map(({ address }) => address.split('.')[0])).size).toBeLessThanOrEqual(1);
}

describe('Placement, whatever happens', () => {
  it('every group is on one ready candidate if there is one, and moves only for a cause', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        const placement = new Placement(DEFAULT_PLACEMENT);
        const mirror = new Map<string, string>();
        for (const each of steps) {
          world.apply(each);
          world.tell(placement);
          const moves = placement.place(world.nowMs);
          for (const move of moves) world.expectCause(move, mirror);
          expect(new Map(placement.placed)).toEqual(mirror);
          expectOneGroupBalanced(moves);
          for (const group of world.groups.values()) world.expectPlaced(group, mirror);
          const wanted = new Set([...world.groups.values()].flatMap(({ addresses }) => addresses));
          for (const address of mirror.keys()) expect(wanted).toContain(address);
        }
      }),
    );
  });

  it('does not depend on the order in which it is told', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        const [one, two] = [new Placement(DEFAULT_PLACEMENT), new Placement(DEFAULT_PLACEMENT)];
        for (const each of steps) {
          world.apply(each);
          world.tell(one);
          world.tell(two, true);
          one.place(world.nowMs);
          two.place(world.nowMs);
          expect(new Map(two.placed)).toEqual(new Map(one.placed));
        }
      }),
    );
  });

  it('a successor that adopts what it finds moves nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, groupsFirst) => {
        const world = new World();
        const placement = new Placement(STILL);
        for (const each of steps) {
          world.apply(each);
          world.tell(placement);
          placement.place(world.nowMs);
        }
        const successor = new Placement(STILL);
        if (groupsFirst) successor.setGroups(world.wanted());
        for (const [address, node] of placement.placed) successor.adopt(address, node);
        world.tell(successor);
        expect(successor.place(world.nowMs)).toEqual([]);
      }),
    );
  });

  it('comes to rest, with the loads of nodes that can serve all within the bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5 }), (count, alive) => {
        const placement = placed({ ...DEFAULT_PLACEMENT, slack: 1.25 }, count, 'a');
        placement.setNodes(nodes('abcde'.slice(0, alive)), 0);
        let nowMs = 0;
        let moves = 0;
        for (; placement.nextMs() !== Number.POSITIVE_INFINITY; nowMs = placement.nextMs()) {
          moves += placement.place(nowMs).length;
          expect(moves).toBeLessThanOrEqual(count);
        }
        const all = loads(placement, 'abcde'.slice(0, alive));
        expect(Math.max(...all)).toBeLessThanOrEqual(Math.ceil((count / alive) * 1.25));
        expect(Math.min(...all)).toBeGreaterThanOrEqual(Math.floor(count / alive / 1.25));
      }),
    );
  });
});
