// SPDX-License-Identifier: Apache-2.0
import { type LabelSelector, parseLabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avoidedNode, NodeBook, sayTheSame } from './node-eligibility.ts';

const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';

interface Parts {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly string[];
  readonly conditions?: Readonly<Record<string, string>>;
  readonly heartbeat?: string;
  readonly deleted?: boolean;
}

function node({ name = 'n1', labels = {}, taints = [], conditions = {}, heartbeat, deleted }: Parts): Node {
  return {
    metadata: { name, labels, ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { taints: taints.map((key) => ({ key, effect: 'NoExecute' })) },
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({
        type,
        status,
        lastHeartbeatTime: heartbeat,
      })),
    },
  } as unknown as Node;
}

function selector(text: string): LabelSelector {
  const result = parseLabelSelector(text);
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

describe('avoidedNode', () => {
  it.each<[string, Parts, 'leave' | 'stay' | undefined]>([
    ['nothing', {}, undefined],
    ['Ready', { conditions: { Ready: 'True', MemoryPressure: 'True' } }, undefined],
    ['not Ready', { conditions: { Ready: 'False' } }, 'stay'],
    ['unknown, its kubelet is silent', { conditions: { Ready: 'Unknown' } }, 'stay'],
    ['without a network for pods', { conditions: { NetworkUnavailable: 'True' } }, 'stay'],
    ['with one', { conditions: { NetworkUnavailable: 'False' } }, undefined],
    ['excluded by its label', { labels: { [EXCLUDE]: '' } }, 'leave'],
    ['excluded, whatever the label says', { labels: { [EXCLUDE]: 'false' } }, 'leave'],
    ['excluded and not Ready', { labels: { [EXCLUDE]: '' }, conditions: { Ready: 'False' } }, 'leave'],
    ['being deleted', { deleted: true }, 'leave'],
    ['out of service', { taints: ['node.kubernetes.io/out-of-service'] }, 'leave'],
    ['shut down by its cloud', { taints: ['node.cloudprovider.kubernetes.io/shutdown'] }, 'leave'],
    ['going to be scaled away', { taints: ['ToBeDeletedByClusterAutoscaler'] }, 'leave'],
    [
      'Ready, its taint not yet away',
      { conditions: { Ready: 'True' }, taints: ['node.kubernetes.io/not-ready'] },
      undefined,
    ],
    ['cordoned off', { taints: ['node.kubernetes.io/unschedulable'] }, undefined],
    ['kept for some pods', { taints: ['CriticalAddonsOnly', 'dedicated'] }, undefined],
  ])('%s', (_what, parts, expected) => {
    const avoided = avoidedNode(node(parts));
    expect(avoided?.avoidance).toBe(expected);
    if (avoided !== undefined) expect(avoided.reason).not.toBe('');
  });
});

describe('NodeBook', () => {
  it('avoids nobody and finds nobody before the Nodes have been listed', () => {
    const book = NodeBook.read([node({ labels: { [EXCLUDE]: '' } })], false);
    expect(book).toBe(NodeBook.unknown);
    expect(book.avoided.size).toBe(0);
    expect(book.selected(selector('')).size).toBe(0);
  });

  it('stays as it was when the Nodes cannot be listed any more', () => {
    const before = NodeBook.read([node({ labels: { [EXCLUDE]: '' } })], true);
    expect(NodeBook.read([], false, before)).toBe(before);
  });

  it('is the same object as long as the Nodes say the same', () => {
    const beat = (heartbeat: string, status = 'True') => node({ conditions: { Ready: status }, heartbeat });
    const before = NodeBook.read([beat('10:00')], true);
    expect(NodeBook.read([beat('10:05')], true, before)).toBe(before);
    expect(sayTheSame(beat('10:00'), beat('10:05'))).toBe(true);
    const after = NodeBook.read([beat('10:10', 'Unknown')], true, before);
    expect(after).not.toBe(before);
    expect([...after.avoided]).toEqual([['n1', 'stay']]);
    expect(after.why('n1')).toEqual({ avoidance: 'stay', reason: 'condition Ready is Unknown' });
    expect(NodeBook.read([], true, after)).not.toBe(after);
  });

  it('finds nodes by their labels', () => {
    const book = NodeBook.read(
      [
        node({ name: 'n1', labels: { zone: 'a' } }),
        node({ name: 'n2', labels: { zone: 'b', [EXCLUDE]: '' } }),
        node({ name: 'n3' }),
      ],
      true,
    );
    expect(book.selected(selector('zone'))).toEqual(new Set(['n1', 'n2']));
    expect(book.selected(selector('zone notin (b)'))).toEqual(new Set(['n1', 'n3']));
    expect(book.selected(selector('zone'))).toBe(book.selected(selector('zone')));
    expect([...book.avoided.keys()]).toEqual(['n2']);
  });

  const any = fc.record({
    name: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
    labels: fc.dictionary(fc.constantFrom('zone', EXCLUDE), fc.constantFrom('a', 'b')),
    taints: fc.uniqueArray(fc.constantFrom('node.kubernetes.io/unreachable', 'dedicated'), { maxLength: 2 }),
    conditions: fc.dictionary(fc.constant('Ready'), fc.constantFrom('True', 'False', 'Unknown')),
  });
  it('says the same on every agent, whatever the order in which its Nodes came', () => {
    fc.assert(
      fc.property(fc.uniqueArray(any, { selector: ({ name }) => name }), (all) => {
        const [one, other] = [all, all.toReversed()].map((list) => NodeBook.read(list.map(node), true));
        expect(new Map(one?.avoided)).toEqual(new Map(other?.avoided));
        expect(one?.selected(selector('zone=a'))).toEqual(other?.selected(selector('zone=a')));
      }),
    );
  });
});
