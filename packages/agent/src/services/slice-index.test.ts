// SPDX-License-Identifier: Apache-2.0
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { EndpointSlice } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { endpointsByService } from './endpoints.ts';
import { SliceIndex } from './slice-index.ts';

function slice(name: string, service: string, ...addresses: readonly string[]): EndpointSlice {
  return {
    metadata: { namespace: 'default', name, labels: { [LABEL.serviceName]: service } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  };
}

describe('SliceIndex', () => {
  it('has for each Service what a look at all slices finds', () => {
    const index = new SliceIndex();
    const [a1, a2, b1] = [slice('a1', 'a', '10.0.0.1'), slice('a2', 'a', '10.0.0.2'), slice('b1', 'b')];
    for (const object of [a1, a2, b1]) {
      expect(index.follow({ type: 'added', object })).toEqual([
        `default/${object.metadata?.labels?.[LABEL.serviceName]}`,
      ]);
    }
    const all = endpointsByService([a1, a2, b1]);
    for (const key of ['default/a', 'default/b']) expect(index.endpointsOf(key)).toBe(all.get(key));
    expect(index.endpointsOf('default/a')).toHaveLength(2);
    expect(index.endpointsOf('default/c')).toBeUndefined();
  });

  it('forgets deleted slices, and tells both Services when a slice goes over', () => {
    const index = new SliceIndex();
    const before = slice('s', 'a', '10.0.0.1');
    const after = slice('s', 'b', '10.0.0.1');
    index.follow({ type: 'added', object: before });
    expect(index.follow({ type: 'updated', object: after, previous: before })).toEqual([
      'default/b',
      'default/a',
    ]);
    expect([index.endpointsOf('default/a'), index.endpointsOf('default/b')?.length]).toEqual([undefined, 1]);
    index.follow({ type: 'deleted', object: after });
    expect(index.endpointsOf('default/b')).toBeUndefined();
  });
});
