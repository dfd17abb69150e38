// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { GroupConfig, Message } from './messages.ts';
import { RaftNode } from './node.ts';
import type { MinorityPolicy, NodeInput, NodeOutput } from './node-api.ts';
import { DEFAULT_PLACEMENT, Placement } from './placement.ts';
import { DEFAULT_TIMING, oblivionMs, REFORM_WAIT_MS } from './timing.ts';

const VOTERS: GroupConfig = { epoch: 1, voters: ['a', 'b', 'c'] };
const NAMES = ['a', 'b', 'c'];

/** Three agents whose messages arrive at once; time passes in whole milliseconds. */
class Trio {
  readonly nodes: ReadonlyMap<string, RaftNode>;
  readonly outputs: { readonly name: string; readonly output: NodeOutput }[] = [];
  readonly cut = new Set<string>();
  /** Agents whose main thread does not say anything any more. */
  readonly stalled = new Set<string>();
  nowMs = 0;
  readonly #wakeMs = new Map<string, number>();

  constructor(config = VOTERS, minority: MinorityPolicy = 'release') {
    this.nodes = new Map(NAMES.map((name, index) => [name, createNode(name, index, minority)]));
    for (const name of NAMES) {
      this.give(name, { type: 'config', config });
      this.give(name, { type: 'peers', names: NAMES });
      this.give(name, { type: 'groups', groups: [{ addresses: ['x'], candidates: 'any' }] });
    }
  }

  node(name: string): RaftNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  give(name: string, input: NodeInput): void {
    const output = this.node(name).step(this.nowMs, input);
    this.outputs.push({ name, output });
    this.#wakeMs.set(name, output.wakeAtMs);
    if (output.changed) this.give(name, { type: 'onNode', addresses: this.node(name).granted });
    for (const message of output.messages) this.#carry(message);
  }

  run(forMs: number): void {
    for (let left = forMs; left > 0; left--) {
      this.nowMs++;
      for (const name of NAMES) {
        if (!this.stalled.has(name) && this.nowMs % 500 === 0) this.give(name, { type: 'mainAlive' });
        if ((this.#wakeMs.get(name) ?? 0) <= this.nowMs) this.give(name, { type: 'tick' });
      }
    }
  }

  get owners(): readonly string[] {
    return NAMES.filter((name) => this.node(name).mayAnswer('x', this.nowMs));
  }

  get coordinator(): string {
    return NAMES.find((name) => this.node(name).status(this.nowMs).rightUntilMs !== undefined) ?? '';
  }

  events(type: string): readonly unknown[] {
    return this.outputs.flatMap(({ output }) => output.events).filter((event) => event.type === type);
  }

  #carry(message: Message): void {
    if (!this.cut.has(message.to) && !this.cut.has(message.from.name)) {
      this.give(message.to, { type: 'message', message });
    }
  }
}

function createNode(name: string, index: number, minority: MinorityPolicy): RaftNode {
  return new RaftNode({
    id: { name, instance: `${index}`.repeat(16) },
    groupId: 'g',
    timing: DEFAULT_TIMING,
    random: () => index / 3,
    createPlacement: () => new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined }),
    startMs: 0,
    minority,
  });
}

/** A group in which somebody has the address. */
function settled(minority: MinorityPolicy = 'release'): Trio {
  const trio = new Trio(VOTERS, minority);
  trio.run(oblivionMs(DEFAULT_TIMING) + 300);
  expect(trio.owners).toHaveLength(1);
  expect(trio.coordinator).not.toBe('');
  return trio;
}

describe('a group of nodes', () => {
  it('elects a coordinator once the voters have stopped abstaining, and places what there is', () => {
    const trio = new Trio();
    trio.run(Math.floor(oblivionMs(DEFAULT_TIMING)));
    expect(trio.coordinator).toBe('');
    trio.run(250);
    expect(trio.coordinator).not.toBe('');
    expect(trio.owners).toHaveLength(1);
    for (const name of NAMES) expect(trio.node(name).status(trio.nowMs).owners.get('x')).toBe(trio.owners[0]);
  });

  it('grants nothing below a majority', () => {
    const trio = settled();
    const [alone] = trio.owners;
    for (const name of NAMES) if (name !== alone) trio.cut.add(name);
    trio.run(350);
    expect(trio.owners).toEqual([]);
    expect(trio.coordinator).toBe('');
    trio.cut.clear();
    trio.run(400);
    expect(trio.owners).toEqual([alone]);
  });

  it('takes an address from an agent whose main thread has stalled, and its office', () => {
    const trio = settled();
    const [owner = ''] = trio.owners;
    trio.stalled.add(owner);
    trio.run(DEFAULT_TIMING.mainStallMs + 600);
    expect(trio.owners).toHaveLength(1);
    expect(trio.owners).not.toEqual([owner]);
    expect(trio.coordinator).not.toBe(owner);
    expect(trio.node(owner).status(trio.nowMs).availability).toBe('unavailable');
  });

  it('hands over what a draining agent has, and its office', () => {
    const trio = settled();
    for (const name of NAMES.filter((each) => each !== 'c')) {
      trio.give(name, { type: 'drain', isOn: true });
      trio.run(100);
      expect(trio.node(name).status(trio.nowMs).isDrained, name).toBe(true);
    }
    expect(trio.owners).toEqual(['c']);
    expect(trio.coordinator).toBe('c');
  });

  it('lets go of everything when time was lost', () => {
    const trio = settled();
    const [owner = ''] = trio.owners;
    trio.cut.add(owner);
    trio.give(owner, { type: 'timeLost' });
    expect(trio.owners).toEqual([]);
    expect(trio.coordinator).not.toBe(owner);
  });

  it('follows a new epoch that one of them has heard of, without losing anything, and never an old one', () => {
    const trio = settled();
    const { owners } = trio;
    trio.give('a', { type: 'config', config: { epoch: 2, voters: ['a', 'b'] } });
    trio.run(150);
    for (const name of NAMES) expect(trio.node(name).config.epoch).toBe(2);
    trio.give('b', { type: 'config', config: VOTERS });
    trio.run(400);
    for (const name of NAMES) expect(trio.node(name).config.epoch).toBe(2);
    expect(trio.owners).toEqual(owners);
    const voting = trio.node(trio.coordinator).status(trio.nowMs).settledEpochs;
    expect([...voting].filter(([name]) => name !== 'c').map(([, epoch]) => epoch)).toEqual([2, 2]);
  });

  it('keeps what it has below a majority, if told so, until somebody coordinates again', () => {
    const trio = settled('keep');
    const [alone = ''] = trio.owners;
    const others = NAMES.filter((name) => name !== alone);
    for (const name of others) trio.cut.add(name);
    trio.run(5_000);
    expect(trio.owners).toEqual([alone]);
    expect(trio.node(alone).status(trio.nowMs).isKeeping).toBe(true);
    trio.cut.clear();
    for (let ms = 0; ms < 1_000; ms++) {
      trio.run(1);
      expect(trio.owners).toEqual([alone]);
    }
    expect(trio.node(alone).status(trio.nowMs).isKeeping).toBe(false);
    expect(trio.events('keeping')).toEqual([
      { type: 'keeping', isOn: true },
      { type: 'keeping', isOn: false },
    ]);
  });

  it('does not keep what it could not serve, nor what a stall has made old', () => {
    const trio = settled('keep');
    const [alone = ''] = trio.owners;
    for (const name of NAMES) if (name !== alone) trio.cut.add(name);
    trio.run(2_000);
    trio.give(alone, { type: 'link', isUp: false });
    trio.give(alone, { type: 'link', isUp: true });
    trio.run(1_000);
    expect(trio.owners).toEqual([]);
    const stalled = settled('keep');
    const [owner = ''] = stalled.owners;
    for (const name of NAMES) if (name !== owner) stalled.cut.add(name);
    stalled.run(1_000);
    expect(stalled.owners).toEqual([owner]);
    stalled.nowMs += 400;
    expect(stalled.owners).toEqual([]);
    stalled.run(1_000);
    expect(stalled.owners).toEqual([]);
  });

  it('finds out who hears whom before there are voters', () => {
    const trio = new Trio({ epoch: 1, voters: [] });
    trio.cut.add('c');
    trio.run(1_000);
    const reached = (name: string) =>
      [...trio.node(name).status(trio.nowMs).reachedMs]
        .filter(([, atMs]) => atMs > trio.nowMs - 500)
        .map(([each]) => each);
    expect(reached('a')).toEqual(['b']);
    expect(reached('b')).toEqual(['a']);
    trio.cut.clear();
    trio.run(1_000);
    expect(reached('c').sort()).toEqual(['a', 'b']);
  });

  it('takes no part in a reformed group before all can have read of it', () => {
    const trio = settled();
    for (const name of NAMES) {
      trio.give(name, { type: 'config', config: { epoch: 2, voters: ['b', 'c'], isReformed: true } });
    }
    expect(trio.coordinator).toBe('');
    trio.run(REFORM_WAIT_MS);
    expect(trio.coordinator).toBe('');
    expect(trio.owners).toEqual([]);
    trio.run(oblivionMs(DEFAULT_TIMING) + 500);
    expect(['b', 'c']).toContain(trio.coordinator);
    expect(trio.owners).toHaveLength(1);
  });

  it('tells when another agent has the same name', () => {
    const trio = settled();
    const stranger = { name: 'a', instance: 'f'.repeat(16) };
    const message = trio.outputs.flatMap(({ output }) => output.messages).find(({ to }) => to === 'a');
    if (message === undefined) throw new Error('nobody wrote to a');
    trio.give('a', { type: 'message', message: { ...message, from: stranger } });
    expect(trio.events('twin')).toEqual([{ type: 'twin', instance: stranger.instance }]);
  });

  it('says goodbye when it stops: others have its addresses at once', () => {
    const trio = settled();
    const [owner = ''] = trio.owners;
    const follower = NAMES.find((name) => name !== trio.coordinator && name !== owner) ?? '';
    expect(follower).not.toBe('');
    trio.give(owner, { type: 'stop' });
    trio.run(1);
    if (owner !== trio.coordinator) expect(trio.owners).toHaveLength(1);
    trio.run(400);
    expect(trio.owners).toHaveLength(1);
    expect(trio.owners).not.toEqual([owner]);
  });
});

describe('who is lost', () => {
  it('is known to all, with how long it was silent', () => {
    const trio = new Trio();
    trio.run(2_000);
    const { coordinator } = trio;
    const lost = NAMES.find((name) => name !== coordinator) ?? '';
    trio.cut.add(lost);
    trio.run(1_000);
    for (const name of NAMES.filter((each) => each !== lost)) {
      const { members, silences } = trio.node(name).status(trio.nowMs);
      expect([members.get(lost), members.get(coordinator)]).toEqual(['lost', 'up']);
      expect(silences.get(lost)).toBeGreaterThan(0);
      expect([...silences.keys()]).toEqual([lost]);
    }
    trio.cut.clear();
    trio.run(1_000);
    expect(trio.node(coordinator).status(trio.nowMs).silences.size).toBe(0);
  });

  it('is known of a coordinator, too, under the next one', () => {
    const trio = new Trio();
    trio.run(2_000);
    const lost = trio.coordinator;
    trio.cut.add(lost);
    trio.run(2_000);
    for (const name of NAMES.filter((each) => each !== lost)) {
      expect(trio.node(name).status(trio.nowMs).members.get(lost)).toBe('lost');
    }
  });
});
