// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupWorld, type GroupWorldOptions } from './testing/group-world.ts';

function world(options: Partial<GroupWorldOptions> = {}): GroupWorld {
  return new GroupWorld({ names: ['a', 'b', 'c', 'd'], controlPlane: ['b'], engine: 'raft', ...options });
}

describe('GroupKeeper', () => {
  it('makes a group, enters everybody, chooses voters, and is then quiet', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    expect(it.record).toMatchObject({ engine: 'raft', voters: ['a', 'b', 'c'], previous: undefined });
    expect([...(it.state?.members.keys() ?? [])].sort()).toEqual(['a', 'b', 'c', 'd']);
    const { writes, reads } = it;
    it.run(60_000);
    expect([it.writes, it.reads]).toEqual([writes, reads]);
  });

  it('replaces a voter that has died, one change after the other, and takes it in again as a member', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    it.kill('c');
    it.run(59_000);
    expect(it.record?.voters).toEqual(['a', 'b', 'c']);
    it.run(20_000);
    expect(it.record).toMatchObject({ voters: ['a', 'b', 'd'], previous: undefined });
    it.start('c');
    it.run(30_000);
    expect(it.record?.voters).toEqual(['a', 'b', 'd']);
  });

  it('lets a voter leave when another has taken its place', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    it.leave('a');
    it.run(20_000);
    expect(it.record?.voters).toEqual(['b', 'c', 'd']);
    expect(it.state?.members.has('a')).toBe(false);
  });

  it('writes a deleted record again, in a higher epoch and with the same voters', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    const before = it.record;
    it.delete();
    it.run(10_000);
    expect(it.record).toMatchObject({
      groupId: before?.groupId,
      voters: before?.voters,
      previous: undefined,
    });
    expect(it.record?.epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(it.state?.members.size).toBe(4);
  });

  it('does not follow a record from the past, but writes over it', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    const old = it.object;
    it.kill('c');
    it.run(90_000);
    const { epoch = 0, voters } = it.record ?? {};
    it.restore(old);
    it.run(10_000);
    expect(it.record).toMatchObject({ voters });
    expect(it.record?.epoch).toBeGreaterThan(epoch);
  });

  it('does nothing to a record below a majority, until the operator says so', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    it.kill('a');
    it.kill('b');
    it.run(200_000);
    expect(it.record?.voters).toEqual(['a', 'b', 'c']);
    it.reform('d', ['c', 'd']);
    it.run(10_000);
    expect(it.record).toMatchObject({ voters: ['c', 'd'], previous: undefined });
  });

  it('reforms below a majority after a time, once, if that is set', () => {
    const it = world({ names: ['a', 'b', 'c', 'd', 'e'], reformAfterMs: 120_000 });
    it.startAll();
    it.run(15_000);
    it.kill('a');
    it.kill('b');
    it.run(119_000);
    expect(it.record?.voters).toEqual(['a', 'b', 'c']);
    const { epoch = 0 } = it.record ?? {};
    it.run(10_000);
    expect(it.record).toMatchObject({ voters: ['c', 'd', 'e'], epoch: epoch + 1 });
  });

  it('leaves a record of a later version alone', () => {
    const it = world();
    it.writeAnnotation('fairlead.io/group-format', '2');
    it.startAll();
    it.run(60_000);
    expect(it.writes).toBe(0);
    expect(it.engineOf('a')).toBeUndefined();
  });

  it('repairs a record that somebody has spoilt', () => {
    const it = world();
    it.startAll();
    it.run(15_000);
    const { epoch = 0, voters } = it.record ?? {};
    it.writeAnnotation('fairlead.io/group-size', 'many');
    it.run(10_000);
    expect(it.record).toMatchObject({ voters });
    expect(it.record?.epoch).toBeGreaterThan(epoch);
  });

  it('changes the engine when all have confirmed, and not before', () => {
    const it = world({ engine: 'lease' });
    it.startAll();
    it.run(40_000);
    expect(it.names.map((name) => it.engineOf(name))).toEqual(Array(4).fill('lease'));
    for (const name of ['a', 'b', 'c']) it.restart(name, 'raft');
    it.run(120_000);
    expect(it.record).toMatchObject({ engine: 'lease', switching: { to: 'raft', stage: 'prepare' } });
    expect(it.keeper('a').standing().waitingFor).toEqual(['d']);
    expect(it.names.map((name) => it.engineOf(name))).toEqual(Array(4).fill('lease'));
    it.restart('d', 'raft');
    it.run(20_000);
    expect(it.record).toMatchObject({ engine: 'raft', switching: undefined, voters: ['a', 'b', 'c'] });
    expect(it.names.map((name) => it.engineOf(name))).toEqual(Array(4).fill('raft'));
    for (const name of it.names) it.restart(name, 'lease');
    it.run(120_000);
    expect(it.record).toMatchObject({ engine: 'lease', switching: undefined, voters: [] });
    expect(it.names.map((name) => it.engineOf(name))).toEqual(Array(4).fill('lease'));
  });

  it('falls back to leases with fewer than three, and changes when the third comes', () => {
    const it = world();
    it.start('a');
    it.start('b');
    it.run(12_000);
    expect(it.record).toMatchObject({ engine: 'raft', voters: [] });
    it.run(8_000);
    expect(it.record).toMatchObject({ engine: 'lease', voters: [], switching: undefined });
    expect([it.engineOf('a'), it.engineOf('b')]).toEqual(['lease', 'lease']);
    it.start('c');
    it.run(60_000);
    expect(it.record).toMatchObject({ engine: 'raft', voters: ['a', 'b', 'c'] });
  });

  it('makes a group with leases when there is no key, and does not count who has none', () => {
    const alone = world({ keyless: ['a', 'b', 'c', 'd'] });
    alone.startAll();
    alone.run(10_000);
    expect(alone.record).toMatchObject({ engine: 'lease', voters: [] });
    alone.run(120_000);
    expect(alone.record).toMatchObject({ engine: 'lease', switching: undefined });
    const some = world({ keyless: ['b'] });
    some.startAll();
    some.run(60_000);
    // Whoever made the group could run raft, and chose among those who can.
    if (some.record?.engine === 'raft') expect(some.record.voters).toEqual(['a', 'c', 'd']);
    else expect(some.keeper('a').standing().waitingFor).toContain('b');
  });

  it('calls a change off when somebody does not stop', () => {
    const it = world({ engine: 'lease' });
    it.startAll();
    it.run(40_000);
    for (const name of it.names) it.restart(name, 'raft');
    it.hang('d');
    it.runUntil(() => it.record?.switching?.stage === 'stop', 120_000);
    it.run(14_000);
    expect(it.record?.engine).toBe('lease');
    it.run(10_000);
    expect(it.record).toMatchObject({ engine: 'lease', switching: undefined });
    expect(it.engineOf('a')).toBe('lease');
  });

  it('agrees, whatever happens: lawful steps only, never backwards, never two engines', {
    timeout: 60_000,
  }, () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const name = fc.constantFrom(...names);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill' as const), name }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('start' as const), name }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('restart' as const),
          name,
          engine: fc.constantFrom('raft' as const, 'raft', 'lease'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), name }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('deafen' as const), name }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), name }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('rewind' as const), back: fc.nat(10) }) },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(step, fc.nat(40_000)), { maxLength: 25 }),
        fc.constantFrom('raft' as const, 'lease'),
        fc.integer(),
        (steps, engine, seed) => {
          const it = world({ names, engine, seed });
          it.startAll();
          for (const [what, ms] of steps) {
            it.apply(what);
            it.run(ms);
          }
          // When all are back and want the same, they get it, unless too few remember a group that has lost its record.
          for (const name of names) it.restart(name, 'raft');
          it.run(400_000);
          expect(it.record?.engine).toBe('raft');
        },
      ),
      { numRuns: 40 },
    );
  });
});
