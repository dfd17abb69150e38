// SPDX-License-Identifier: Apache-2.0
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GROUP_ANNOTATION, readGroupLease, writeGroupLease } from './group-lease.ts';
import type { GroupRecord, GroupState, MemberEntry } from './group-record.ts';

const REF = { namespace: 'kube-system', name: 'fairlead-group' };

const STATE: GroupState = {
  record: {
    groupId: '0123456789abcdef0123456789abcdef',
    epoch: 12,
    engine: 'raft',
    switching: { to: 'lease', stage: 'prepare' },
    size: 3,
    voters: ['n1', 'n2', 'n3'],
    previous: ['n1', 'n2'],
    writer: 'n1/00000000000000a1',
  },
  members: new Map([
    [
      'n2',
      { instance: '00000000000000b2', endpoint: '[2001:db8::2]:7947', controlPlane: false, confirmed: 12 },
    ],
    ['n1', { instance: '00000000000000a1', endpoint: '', controlPlane: true, confirmed: 0 }],
  ]),
};

/** As the API server gives it back. */
function stored(state: GroupState, version = '7'): Lease {
  const lease = writeGroupLease(undefined, REF, state);
  return { ...lease, metadata: { ...lease.metadata, resourceVersion: version } };
}

function edited(changes: Readonly<Record<string, string | undefined>>): Lease {
  const lease = stored(STATE);
  const annotations = Object.fromEntries(
    Object.entries({ ...lease.metadata?.annotations, ...changes }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  );
  return { ...lease, metadata: { ...lease.metadata, annotations } };
}

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
const names = fc.uniqueArray(name, { maxLength: 8 }).map((all) => all.sort());
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const member: fc.Arbitrary<MemberEntry> = fc.record({
  instance: hex(16),
  endpoint: fc.constantFrom('', '192.0.2.1:7947', '[2001:db8::1]:7947'),
  controlPlane: fc.boolean(),
  confirmed: fc.nat(),
});
const record: fc.Arbitrary<GroupRecord> = fc
  .record({
    groupId: hex(32),
    epoch: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    engine: fc.constantFrom('raft' as const, 'lease'),
    stage: fc.constantFrom('prepare' as const, 'stop', undefined),
    size: fc.constantFrom(3 as const, 5, 7),
    voters: names,
    previous: fc.option(names, { nil: undefined }),
    writer: fc.tuple(name, hex(16)).map((parts) => parts.join('/')),
  })
  .map(({ stage, voters, ...rest }) => ({
    ...rest,
    switching: stage && { stage, to: rest.engine === 'raft' ? ('lease' as const) : ('raft' as const) },
    voters: rest.engine === 'raft' ? voters : [],
  }));

describe('the group record as a Lease', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(record, fc.dictionary(name, member, { maxKeys: 6 }), (record, members) => {
        const state = { record, members: new Map(Object.entries(members)) };
        expect(readGroupLease(stored(state, '9'))).toEqual({ kind: 'found', state, version: '9' });
      }),
    );
  });

  it('is readable for people', () => {
    expect(stored(STATE).metadata).toMatchObject({
      namespace: 'kube-system',
      name: 'fairlead-group',
      annotations: {
        'fairlead.io/group-epoch': '12',
        'fairlead.io/group-switch': 'prepare lease',
        'fairlead.io/group-voters': 'n1,n2,n3',
        'fairlead.io/group-previous-voters': 'n1,n2',
        'fairlead.io/group-members':
          'n1 00000000000000a1 - control-plane 0\nn2 00000000000000b2 [2001:db8::2]:7947 worker 12',
      },
    });
  });

  it('keeps what others put into the object, and takes away what is over', () => {
    const base = edited({ 'example.com/mine': 'x' });
    const active = { ...STATE, record: { ...STATE.record, switching: undefined, previous: undefined } };
    const written = writeGroupLease({ ...base, spec: { holderIdentity: 'y' } }, REF, active);
    expect(written).toMatchObject({
      metadata: { resourceVersion: '7', annotations: { 'example.com/mine': 'x' } },
      spec: { holderIdentity: 'y' },
    });
    expect(readGroupLease(written)).toMatchObject({ kind: 'found', state: active });
  });

  it('says what cannot be read, and how far it got', () => {
    expect(readGroupLease(undefined)).toEqual({ kind: 'absent' });
    const wrong: readonly [Readonly<Record<string, string | undefined>>, string][] = [
      [{ [GROUP_ANNOTATION.id]: 'x' }, 'group id is "x"'],
      [{ [GROUP_ANNOTATION.engine]: undefined }, 'missing; expected raft or lease'],
      [{ [GROUP_ANNOTATION.size]: '4' }, '"4"; expected 3, 5 or 7'],
      [{ [GROUP_ANNOTATION.switching]: 'prepare raft' }, 'in force already'],
      [{ [GROUP_ANNOTATION.switching]: 'now' }, 'expected for example'],
      [{ [GROUP_ANNOTATION.voters]: 'n2,n1' }, 'sorted'],
      [{ [GROUP_ANNOTATION.voters]: 'n1,n1' }, 'sorted'],
      [{ [GROUP_ANNOTATION.voters]: 'N1' }, 'name of a node'],
      [{ [GROUP_ANNOTATION.voters]: 'a,b,c,d,e,f,g,h,i' }, '9 voters'],
      [{ [GROUP_ANNOTATION.members]: 'n1 1' }, 'the line "n1 1"'],
      [{ [GROUP_ANNOTATION.members]: 'n1 00000000000000a1 nowhere worker 0' }, 'endpoint of n1'],
      [{ [GROUP_ANNOTATION.writer]: '' }, 'writer'],
    ];
    for (const [changes, problem] of wrong) {
      expect(readGroupLease(edited(changes))).toMatchObject({
        kind: 'unreadable',
        problem: expect.stringContaining(problem),
        version: '7',
        epoch: 12,
        isNewer: false,
      });
    }
    expect(readGroupLease(edited({ [GROUP_ANNOTATION.epoch]: '012' }))).toMatchObject({ epoch: 0 });
    expect(readGroupLease({})).toMatchObject({ kind: 'unreadable', isNewer: false });
    expect(readGroupLease(edited({ [GROUP_ANNOTATION.format]: '2' }))).toMatchObject({ isNewer: true });
  });

  it('never throws, whatever stands there', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(GROUP_ANNOTATION)), fc.string(), (key, value) => {
        const reading = readGroupLease(edited({ [key]: value }));
        if (reading.kind !== 'found') return;
        expect(readGroupLease(stored(reading.state))).toMatchObject({ kind: 'found', state: reading.state });
      }),
    );
  });

  it('has room for 1,000 members', () => {
    const members = new Map(
      Array.from({ length: 1_000 }, (_, index): [string, MemberEntry] => [
        `node-${index}.example.internal`,
        { instance: '0123456789abcdef', endpoint: '192.0.2.100:7947', controlPlane: false, confirmed: 100 },
      ]),
    );
    const { annotations } = stored({ ...STATE, members }).metadata ?? {};
    // The API server's bound for all annotations of an object.
    expect(JSON.stringify(annotations).length).toBeLessThan(256 * 1024);
  });
});
