// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { resource } from '../resources/catalog.ts';
import { fieldMatcher, parseFieldSelector } from './fields.ts';

const PODS = resource('', 'pods').fields;
const POD = {
  metadata: { name: 'a', namespace: 'n' },
  spec: { nodeName: 'w1' },
  status: { phase: 'Running' },
};

function selected(text: string): boolean | undefined {
  return fieldMatcher(parseFieldSelector(text, PODS, String), PODS)?.(POD);
}

describe('field selectors', () => {
  it.each([
    ['metadata.name=a', true],
    ['metadata.name!=a', false],
    ['metadata.namespace!=other,spec.nodeName==w1', true],
    ['status.phase!=Running', false],
    ['spec.hostNetwork=false', true],
    ['spec.nodeName=', false],
  ])('%s', (text, expected) => {
    expect(selected(text)).toBe(expected);
  });

  it('selects everything when empty', () => {
    expect(selected('')).toBeUndefined();
  });

  it('refuses fields a kind does not have, and terms without operator', () => {
    expect(() => parseFieldSelector('foo=1', PODS, (field) => `no ${field}`)).toThrow('no foo');
    expect(() => parseFieldSelector('metadata.name', PODS, String)).toThrow(
      "can't understand 'metadata.name'",
    );
  });

  it('reads events of both groups from the stored form', () => {
    const event = {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Service', name: 's' },
      reportingComponent: 'c',
      reason: 'R',
    };
    const core = resource('', 'events').fields;
    const events = resource('events.k8s.io', 'events').fields;
    const match = (text: string, fields: typeof core) =>
      fieldMatcher(parseFieldSelector(text, fields, String), fields)?.(event);
    expect(match('involvedObject.kind=Service,involvedObject.name=s,reason=R', core)).toBe(true);
    expect(match('regarding.kind=Service,reportingController=c', events)).toBe(true);
  });
});
