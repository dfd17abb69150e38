// SPDX-License-Identifier: Apache-2.0

import { nearestWord } from '@fairlead/shared/runtime/nearest-word.ts';
import { describe, expect, it } from 'vitest';
import { isNamespaceName, nearestKey, readKey } from './keys.ts';

describe('a key taken apart', () => {
  it.each([
    ['cidr-global', 'cidr', 'global'],
    ['range-dev', 'range', 'dev'],
    ['pool-gold', 'pool', 'gold'],
    ['avoid-pool-gold', 'avoid', 'pool-gold'],
    ['allow-share-team-a', 'allow-share', 'team-a'],
    ['auto-assign-x', 'auto-assign', 'x'],
    ['on-change-x', 'on-change', 'x'],
    ['search-order', 'search-order', ''],
    ['skip-end-ips-in-cidr', 'skip-end-ips-in-cidr', ''],
    // A namespace may be called as our own words are.
    ['cidr-range-x', 'cidr', 'range-x'],
    ['range-search-order', 'range', 'search-order'],
  ])('%s', (key, word, suffix) => {
    expect(readKey(key)).toMatchObject({ word, suffix });
  });

  it.each([
    '',
    '-',
    'cidr',
    'cidr-',
    'allow-share',
    'Cidr-global',
    'cidrs-global',
    'search-order-global',
    'x',
  ])('%j is none of ours', (key) => {
    expect(readKey(key)).toBeUndefined();
  });
});

describe('the nearest known key', () => {
  it.each([
    ['ranges-global', 'range-global'],
    ['cdir-foo', 'cidr-foo'],
    ['serach-order', 'search-order'],
    ['allowshare-global', 'allow-share-global'],
    ['skip-end-ips-in-cidrs', 'skip-end-ips-in-cidr'],
    ['cidr-', 'cidr-global'],
    ['cidr', 'cidr-global'],
    ['rangeglobal', 'range-global'],
    ['range_global', 'range-global'],
    ['search_order', 'search-order'],
    ['CIDR-Team', 'cidr-Team'],
    ['autoassign-gold', 'auto-assign-gold'],
    ['cool-down-gold', 'cooldown-gold'],
    ['onchange-team-a', 'on-change-team-a'],
    ['selectors-gold', 'selector-gold'],
    ['pools-gold', 'pool-gold'],
    ['dataplane', 'data-plane'],
    ['request-outside-pool', 'requested-outside-pool'],
  ])('of %s is %s', (key, near) => {
    expect(nearestKey(key)).toBe(near);
  });

  it.each(['banana', '_example', 'global', '', '-', '-'.repeat(253), 'namespace-of-dev'])(
    '%j has none',
    (key) => {
      expect(nearestKey(key)).toBeUndefined();
    },
  );

  it('finds the nearest of given words, or none', () => {
    expect(nearestWord('glod', ['silver', 'gold'])).toBe('gold');
    expect(nearestWord('bronze', ['silver', 'gold'])).toBeUndefined();
  });
});

describe('what a namespace can be called', () => {
  it.each([
    ['team-a', true],
    ['9', true],
    ['Team', false],
    ['a.b', false],
    ['a_b', false],
    ['-a', false],
    ['a'.repeat(64), false],
  ])('%s: %j', (text, expected) => {
    expect(isNamespaceName(text)).toBe(expected);
  });
});
