// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parsePools } from '../pools/parse.ts';
import { PoolChanges } from './pool-changes.ts';
import { allocatedService, service } from './testing/services.ts';

const BEFORE = {
  'range-global': '10.0.0.1-10.0.0.9',
  'range-shop': '10.1.0.1-10.1.0.9',
  'pool-gold': '10.2.0.1-10.2.0.9',
  'selector-gold': 'tier=gold',
};
const from = (id: string) => ({
  annotations: {
    'fairlead.io/allocated-from': id,
    'fairlead.io/last-applied': '{"addresses":"10.0.0.1"}',
  },
});
const SERVICES = {
  plain: allocatedService('plain', '10.0.0.1', from('global')),
  shop: allocatedService('shop', '10.1.0.1', { namespace: 'shop', ...from('shop') }),
  gold: allocatedService('gold', '10.2.0.1', { labels: { tier: 'gold' }, ...from('pool-gold') }),
  asked: allocatedService('asked', '10.9.0.1', from('request')),
  gone: allocatedService('gone', '10.3.0.1', from('old')),
  peers: allocatedService('peers', '10.0.0.2'),
  waits: service('waits'),
};

/** Names of the Services that the change concerns. */
function concerned(after: Record<string, string>): string[] {
  const changes = new PoolChanges(parsePools(BEFORE), parsePools(after));
  return Object.entries(SERVICES).flatMap(([name, each]) => (changes.concerns(each) ? [name] : []));
}

describe('an edit of the ConfigMap concerns', () => {
  it.each<[string, Record<string, string>, readonly string[]]>([
    ['nobody when nothing changes', BEFORE, []],
    ['nobody when a key means nothing', { ...BEFORE, 'serch-order': 'desc' }, []],
    ['nobody when it is about another namespace', { ...BEFORE, 'interface-other': 'eth1' }, []],
    ['those of a pool that grows', { ...BEFORE, 'range-shop': '10.1.0.1-10.1.0.99' }, ['shop', 'asked']],
    [
      'those of a pool that goes, and those who fall back to another',
      { 'range-global': BEFORE['range-global'], 'range-shop': BEFORE['range-shop'] },
      ['gold', 'asked'],
    ],
    [
      'those whom a new selector takes in',
      { ...BEFORE, 'selector-gold': 'tier=gold', 'pool-all': '10.4.0.1', 'selector-all': 'app=plain' },
      ['plain', 'asked'],
    ],
    ['those of a pool with another policy', { ...BEFORE, 'on-change-shop': 'move' }, ['shop', 'asked']],
    ['those of a pool that went long ago', { ...BEFORE, 'on-change-old': 'move' }, ['gone']],
    [
      'those whose interface we wrote',
      { ...BEFORE, 'interface-default': 'eth1' },
      ['plain', 'gold', 'asked', 'gone'],
    ],
    [
      'those who asked, when requests are judged otherwise',
      { ...BEFORE, 'requested-outside-pool': 'deny' },
      ['asked'],
    ],
  ])('%s', (_whom, after, expected) => {
    expect(concerned(after)).toEqual(expected);
  });

  it('all of a namespace when its terms of sharing change', () => {
    const terms = (before: Record<string, string>, after: Record<string, string>) => {
      const changes = new PoolChanges(parsePools(before), parsePools(after));
      return ['default', 'shop'].filter((namespace) => changes.changesTermsIn(namespace));
    };
    const shared = { ...BEFORE, 'allow-share-global': 'true' };
    expect(terms(BEFORE, shared)).toEqual(['default', 'shop']);
    expect(terms(shared, { ...shared, 'allow-share-shop': 'false' })).toEqual(['shop']);
    expect(terms(shared, { ...shared, 'interface-shop': 'eth1' })).toEqual(['shop']);
    expect(terms(shared, { ...shared, 'data-plane': 'fairlead' })).toEqual(['default', 'shop']);
    expect(terms(BEFORE, { ...BEFORE, 'interface-shop': 'eth1', 'data-plane': 'fairlead' })).toEqual([]);
  });
});
